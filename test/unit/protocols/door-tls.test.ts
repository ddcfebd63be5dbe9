import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import { openDoorTls } from '../../../src/protocols/http/door-tls.js'
import { tlsOfDoor } from '../../../src/protocols/http/tls-settings.js'
import { settings } from '../../conformance/http/listener.js'
import { createAuthority } from '../../system/certificates.js'

const folder = await mkdtemp(join(tmpdir(), 'homing-door-tls-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const authority = await createAuthority(folder, 'ca')
const cert = join(folder, 'cert.pem')
const key = join(folder, 'key.pem')
const files = tlsOfDoor({ ...settings, ssl: true, ssl_cert: cert, ssl_key: key }, 'listen')

async function install(name: string): Promise<void> {
  const issued = await authority.issue(name, 'DNS:localhost')
  await copyFile(issued.certFile, cert)
  await copyFile(issued.keyFile, key)
}

function shownBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

t.test('changed files are noticed without a signal, and bad ones are said once and not used', async t => {
  await install('one')
  let told: string[] = []
  const report = {
    renewed: () => told.push('renewed'),
    refused: (faults: readonly { wrong: string }[]) => told.push(...faults.map(({ wrong }) => wrong)),
    handshakeFailed: () => {},
  }
  const tls = openDoorTls(files, report, 20)
  if ('faults' in tls) throw new Error(JSON.stringify(tls.faults))
  const server = createServer(tls.serverOptions).listen(0, '127.0.0.1')
  tls.serve(server)
  t.teardown(() => {
    tls.close()
    server.close()
  })
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  t.equal(await shownBy(port), 'one')

  // Files are written one after the other: what is seen of them in between is refused first.
  await install('two')
  await until(() => told.includes('renewed'))
  t.equal(told.at(-1), 'renewed')
  t.equal(await shownBy(port), 'two')

  told = []
  await writeFile(cert, 'half a certif')
  await until(() => told.length > 0)
  await sleep(100)
  t.same(told, [`no certificate is in ${cert}`], 'once, not at every look')
  t.equal(await shownBy(port), 'two')

  told = []
  await rm(cert)
  await until(() => told.length > 0)
  t.match(told, [/cannot read .*cert.pem \(ENOENT\)/])
  await install('three')
  await until(() => told.includes('renewed'))
  t.equal(await shownBy(port), 'three')
  t.ok(tls.certificate().validToMs > Date.now())
})

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries++) await sleep(20)
}

t.test('a door may have a certificate of its own, and what it does not say is as for all', async t => {
  const all = {
    ...settings,
    ssl: true,
    ssl_cert: '/all.pem',
    ssl_key: '/all.key',
    ssl_verify_client_cert: true,
  }
  const own = {
    ...all,
    policy_ssl_cert: '/policy.pem',
    policy_ssl_verify_client_cert: 'no',
    policy_ssl: 'inherit',
  }
  t.match(tlsOfDoor(own, 'policy_listen'), {
    isOn: true,
    cert: { setting: 'policy_ssl_cert', path: '/policy.pem' },
    key: { setting: 'ssl_key', path: '/all.key' },
    verifyClient: false,
  })
  t.match(tlsOfDoor({ ...own, policy_ssl: 'no' } as typeof own, 'policy_listen'), { isOn: false })
  t.match(tlsOfDoor(own, 'listen'), { cert: { path: '/all.pem' }, verifyClient: true })
})

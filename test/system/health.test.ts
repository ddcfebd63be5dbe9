// `homing health`: what a container engine or a script is told about the running service.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority } from './certificates.js'
import { freePorts } from './free-ports.js'
import { startHoming } from './homing.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly tookMs: number
}

function health(settings: Readonly<Record<string, string>>, ...args: string[]): Promise<Said> {
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH }
  for (const [key, value] of Object.entries(settings)) env[`HOMING_${key.toUpperCase()}`] = value
  const from = performance.now()
  return new Promise(resolve =>
    execFile(process.execPath, [program, 'health', ...args], { env, cwd: '/' }, (error, out, err) => {
      const code = typeof error?.code === 'number' ? error.code : error ? -1 : 0
      resolve({ code, out, err, tookMs: performance.now() - from })
    }),
  )
}

t.test('a service that is ready is 0, over TCP and over its unix socket', async t => {
  const homing = await startHoming()
  t.teardown(homing.close)
  const { host } = new URL(homing.url)
  for (const listen of [host, `unix:${homing.socketFolder}/http.sock`]) {
    t.match(await health({ listen }), { code: 0, out: 'ready\n', err: '' })
  }
  const { out } = await health({ listen: host }, '--json')
  t.same(JSON.parse(out), { address: host, status: 'ready' })
})

t.test('one that has lost its database is degraded, and 0: a restart would not help', async t => {
  const [nobody] = await freePorts(1)
  const homing = await startHoming({ config: `database_url = "mysql://x@127.0.0.1:${nobody}/x"` })
  t.teardown(homing.close)
  t.match(await health({ listen: new URL(homing.url).host }), { code: 0, out: 'degraded\n' })
})

t.test('one that is stopping is 69', async t => {
  const homing = await startHoming({ config: 'shutdown_delay = "3 secs"' })
  t.teardown(homing.close)
  homing.signal('SIGTERM')
  await homing.waitForLog('stopping')
  t.match(await health({ listen: new URL(homing.url).host }), { code: 69, out: 'stopping\n' })
})

t.test('a service in TLS is asked in TLS, with its own certificate where it demands one', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'homing-health-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const authority = await createAuthority(folder, 'health')
  const own = await authority.issue('homing', 'DNS:localhost')
  const callers = await authority.issue('caller', 'DNS:caller', { usage: 'clientAuth' })
  const tls = { ssl: 'yes', ssl_cert: own.certFile, ssl_key: own.keyFile }
  const lines = `ssl = true\nssl_cert = "${own.certFile}"\nssl_key = "${own.keyFile}"\n`

  const homing = await startHoming({ config: lines, caFile: authority.caFile })
  t.teardown(homing.close)
  t.match(await health({ listen: `127.0.0.1:${new URL(homing.url).port}`, ...tls }), {
    code: 0,
    out: 'ready\n',
  })

  const strict = await startHoming({
    config: `${lines}ssl_verify_client_cert = true\nssl_ca = "${authority.caFile}"\n`,
    caFile: authority.caFile,
    clientCertificate: callers,
  })
  t.teardown(strict.close)
  const listen = `127.0.0.1:${new URL(strict.url).port}`
  const demanding = { ...tls, ssl_verify_client_cert: 'yes', ssl_ca: authority.caFile }
  // A certificate for servers only is none for callers; where that is all there is, a unix socket comes first.
  t.match(await health({ listen, ...demanding }), { code: 69, err: /unix socket/ })
  const both = await authority.issue('both', 'DNS:localhost', { usage: 'clientAuth' })
  const shown = { ...demanding, ssl_cert: both.certFile, ssl_key: both.keyFile }
  t.match(await health({ listen, ...shown }), { code: 0, out: 'ready\n' })
})

t.test('one that is not there, hangs, or is somebody else is 69 within the deadline', async t => {
  const [nobody] = await freePorts(1)
  t.match(await health({ listen: `127.0.0.1:${nobody}` }), {
    code: 69,
    err: /does not answer: .*ECONNREFUSED/,
  })
  t.match(await health({ listen: 'unix:/nonexistent/http.sock' }), { code: 69, err: /ENOENT/ })

  const homing = await startHoming()
  t.teardown(homing.close)
  homing.hang()
  const hung = await health({ listen: new URL(homing.url).host })
  t.match(hung, { code: 69, err: /nothing within 2000 ms/ })
  t.ok(hung.tookMs < 6000, `${hung.tookMs} ms`)

  const stranger = createServer(socket => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'))
  await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
  t.teardown(() => stranger.close())
  const { port } = stranger.address() as { port: number }
  t.match(await health({ listen: `127.0.0.1:${port}` }), { code: 69, err: /no answer of Homing/ })
})

t.test('a configuration with mistakes is 78', async t => {
  t.match(await health({ listne: 'x' }), { code: 78, err: /listne/ })
})

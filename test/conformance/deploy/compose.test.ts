// deploy/compose: that its parts fit together and fit the program, and what its setup.sh makes, as Dovecot reads it.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'
import { readDockerfile } from './dockerfile.js'

interface ComposeService {
  readonly image: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly networks?: unknown
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly stop_grace_period?: string
}

const root = join(import.meta.dirname, '../../../..')
const folder = join(root, 'deploy/compose')
const text = await readFile(join(folder, 'compose.yaml'), 'utf8')
const compose = parse(text, { merge: true })
const services = compose.services as Readonly<Record<string, ComposeService>>
const all = Object.entries(services)
const copies = all.filter(([name]) => /^homing[0-9]$/.test(name))
const homings = all.filter(([, { image }]) => image.startsWith('homing:'))

t.test('it is the site that was promised', t => {
  const names = all.map(([name]) => name).sort()
  const site = ['backend1', 'backend2', 'haproxy', 'homing-backends', 'homing1', 'homing2', 'homing3']
  t.same(names, [...site, 'mariadb-primary', 'mariadb-replica', 'migrate', 'proxy', 'setup', 'valkey'])
  t.end()
})

t.test('every image has a version, every file and volume is there, and who is waited for exists', async t => {
  for (const [name, { image, build, volumes = [], depends_on = {} }] of all) {
    t.match(image, /:[0-9]+\.[0-9]+[^:]*$/, `${name}: ${image}`)
    if (build) t.ok(existsSync(resolve(folder, build.context, build.dockerfile)), `${name} is built`)
    for (const [from = ''] of volumes.map(volume => volume.split(':'))) {
      t.ok(
        from.startsWith('.') ? existsSync(resolve(folder, from)) : from in compose.volumes,
        `${name}: ${from}`,
      )
    }
    for (const other of Object.keys(depends_on)) t.ok(other in services, `${name} waits for ${other}`)
  }
  for (const [from] of readDockerfile(
    `${await readFile(join(folder, 'dovecot.Dockerfile'), 'utf8')}`.replace(/^ARG.*\n/m, ''),
  )) {
    t.match(from?.rest, /^debian:\$\{DEBIAN\}-slim$/)
  }
})

t.test('no password stands in it, and nothing but the proxy is open, to this machine', t => {
  for (const [name, { environment = {} }] of all) {
    for (const [key, value] of Object.entries(environment)) {
      if (/PASSWORD|TOKEN|SECRET/.test(key)) t.match([key, value], [/_FILE$/, /^\/run\/secrets\//], name)
      t.notMatch(value, /:\/\/[^/@]*:[^/@]+@/, `${name}: ${key}`)
    }
  }
  t.same(
    all.filter(([, { ports }]) => ports).map(([name]) => name),
    ['proxy'],
  )
  t.ok(services.proxy?.ports?.every(port => port.startsWith('127.0.0.1:')))
  t.end()
})

t.test('what Homing is told has no mistakes, and it may write nowhere', async t => {
  const made = await setUp()
  t.teardown(made.remove)
  for (const [name, { environment = {}, read_only, cap_drop, stop_grace_period }] of homings) {
    t.match({ read_only, cap_drop }, { read_only: true, cap_drop: ['ALL'] }, name)
    const settings = Object.entries({ HOMING_LISTEN: '0.0.0.0:8080', ...environment }).map(([key, value]) => [
      key,
      value
        .replace('/run/secrets', join(made.folder, 'homing'))
        .replace('/etc/homing.toml', join(folder, 'backends.toml')),
    ])
    const loaded = loadConfig(programSchema, { environment: Object.fromEntries(settings) })
    t.same('problems' in loaded ? loaded.problems : [], [], name)
    if (!('config' in loaded)) continue
    const { shutdown_delay, shutdown_timeout } = loaded.config.settings
    t.ok(
      Number.parseInt(stop_grace_period ?? '', 10) * 1000 >= shutdown_delay + shutdown_timeout + 5000,
      name,
    )
    t.same(
      loaded.config.passdbs.map(passdb => passdb.name),
      name === 'homing-backends' ? ['local'] : ['proxy', 'local'],
    )
  }
})

t.test('HAProxy finds the copies where they are, and they believe it alone', async t => {
  const known = await readFile(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8')
  const { environment = {} } = services.haproxy ?? {}
  for (const key of Object.keys(environment)) t.match(known, `presetenv ${key} `)
  copies.forEach(([name], at) => {
    t.equal(environment[`HOMING_${at + 1}`], `${addressOf(name)}:8080`)
    t.equal(services[name]?.environment?.HOMING_TRUSTED_NETWORKS, addressOf('haproxy'))
  })
  t.equal(environment.HOMING_LISTEN, `${addressOf('haproxy')}:8090`)
  t.equal(environment.HOMING_CALLERS, addressOf('proxy'))
  const backends = [addressOf('backend1'), addressOf('backend2')].join(' ')
  t.equal(services['homing-backends']?.environment?.HOMING_TRUSTED_NETWORKS, backends)
  t.end()
})

t.test('setup.sh makes secrets that differ, once, and certificates that verify', async t => {
  const made = await setUp()
  t.teardown(made.remove)
  const read = (name: string) => readFile(join(made.folder, name), 'utf8')
  const names = [
    'homing/api_token',
    'homing/database_password',
    'homing/valkey_password',
    'mariadb/root_password',
  ]
  const secrets = await Promise.all(names.map(read))
  t.equal(new Set(secrets).size, names.length)
  t.ok(secrets.every(secret => secret.trim().length >= 40))
  for (const name of names) t.equal((await stat(join(made.folder, name))).mode & 0o077, 0, name)
  t.equal(await read('mariadb/database_password'), secrets[1])
  t.match(await read('valkey/valkey.conf'), `requirepass ${secrets[2]}`)
  made.again()
  t.same(await Promise.all(names.map(read)), secrets, 'a second start changes nothing')
  for (const host of ['proxy', 'backend1', 'backend2']) {
    const certificate = join(made.folder, host, `${host}.pem`)
    const verified = spawnSync('openssl', [
      'verify',
      '-CAfile',
      join(made.folder, host, 'ca.pem'),
      '-verify_hostname',
      host,
      certificate,
    ])
    t.equal(verified.status, 0, host)
  }
})

t.test('setup.sh puts the site’s values into the files of Dovecot', async t => {
  const made = await setUp()
  t.teardown(made.remove)
  const token = (await readFile(join(made.folder, 'homing/api_token'), 'utf8')).trim()
  const lua = await readFile(join(made.folder, 'proxy/auth.lua'), 'utf8')
  t.match(lua, `local url = 'http://172.28.53.8:8090'\nlocal token = '${token}'`)
  const site = await readFile(join(made.folder, 'backend2/site.conf'), 'utf8')
  t.match(site, `lua_settings {\n  url = http://homing-backends:8080\n  token = ${token}\n}`)
  t.match(site, `\nlogin_trusted_networks = ${addressOf('proxy')}\n`)
  t.match(site, 'ssl_server_cert_file = /etc/dovecot/backend2.pem')
  for (const host of ['proxy', 'backend1', 'backend2']) {
    for (const name of ['master.lua', 'homing-socket.lua']) {
      const { mode } = await stat(join(made.folder, host, name))
      t.equal(mode & 0o777, 0o644, `auth-workers of ${host}, who are not root, can read ${name}`)
    }
    const main = await readFile(join(made.folder, host, 'site.conf'), 'utf8')
    t.notMatch(main, /example\.com/, `${host} has no value of the example left`)
  }
  if (spawnSync('doveconf', ['--version']).status !== 0 && !existsSync('/usr/bin/doveconf')) return
  // Its certificate is in /etc/dovecot of the container.
  const file = join(made.folder, 'proxy/site.conf')
  const proxy = await readFile(file, 'utf8')
  await writeFile(file, proxy.replaceAll('/etc/dovecot/', `${join(made.folder, 'proxy')}/`))
  const read = execFileSync('doveconf', ['-c', join(made.folder, 'proxy/dovecot.conf'), '-n'], {
    encoding: 'utf8',
  })
  t.match(read, /lmtp_proxy = yes/)
  t.notMatch(read, /^login_trusted_networks/m)
})

function addressOf(name: string): string {
  const { inside } = (services[name]?.networks ?? {}) as { inside?: { ipv4_address?: string } }
  return inside?.ipv4_address ?? ''
}

/** setup.sh has run; its folders go with `remove`. */
async function setUp() {
  const made = await mkdtemp(join(tmpdir(), 'homing-compose-'))
  const again = () => execFileSync('sh', [join(folder, 'setup.sh'), dirname(folder), made], { stdio: 'pipe' })
  again()
  return { folder: made, again, remove: () => rm(made, { recursive: true, force: true }) }
}

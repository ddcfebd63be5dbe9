// A proxy with a Homing of its own, in front of backends with theirs, and of impostors.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Certificate, type CertificateAuthority, createAuthority } from './certificates.js'
import { localUsers } from './chain-blocks.js'
import type { Door } from './doors.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { type FakeBackend, startFakeBackend } from './fake-backend.js'
import {
  type EmptyDatabase,
  type LocalUser,
  type ProxyUser,
  type RunningHoming,
  startHoming,
} from './homing.js'
import { startMariadb } from './mariadb-server.js'
import { findDovecot } from './parts.js'

export type Major = '2.3' | '2.4'

export const PASSWORD = 'correct horse battery staple'
/** `doveadm pw -s SHA512-CRYPT` made it. */
const STORED =
  '{SHA512-CRYPT}$6$pinchofsalt$iY9EybLIx6z/7Y1XNKS0DqjD.zLdnKZVc17dXhPI4bSXQ6o8uI98vnEn.F2/gD1OxSg3G1M3hhqOdAv3qDyh21'

export interface Site {
  readonly proxy: RunningDovecot
  readonly homing: RunningHoming
  readonly backends: readonly RunningDovecot[]
  readonly impostors: Readonly<Record<string, FakeBackend>>
  /** The same with a certificate that verifies: what impostors would hear if nobody looked. */
  readonly genuine: Readonly<Record<string, FakeBackend>>
  readonly imaps: { readonly port: number; readonly caFile: string }
}

const crowdSize = 20
export const crowdOf = (where: string) => Array.from({ length: crowdSize }, (_, at) => `${where}${at}`)

export async function startSite(
  t: Test,
  major: Major,
  door: Door,
  backendMajors: readonly Major[],
  database: 'sqlite' | 'mariadb',
): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-proxy-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1')

  const backends: RunningDovecot[] = []
  for (const backendMajor of backendMajors)
    backends.push(await startBackend(t, backendMajor, authority, certificate))
  const impostors = await startImpostors(t, folder, authority)
  const genuine = await startFakeBackends(t, 'genuine', certificate)

  const homing = await startHoming(database === 'mariadb' ? { database: await emptyDatabase(t) } : {})
  t.teardown(() => homing.close())
  const proxy = await startDovecot({
    installation: installationOf(major),
    role: 'proxy',
    door,
    service: homing,
    certificate,
    caFile: authority.caFile,
  })
  t.teardown(() => proxy.stop())
  await homing.addAccounts({
    proxyUsers: proxyUsers(backends, { ...impostors, ...genuine }),
    localUsers: proxyLocalUsers(proxy),
  })
  return {
    proxy,
    homing,
    backends,
    impostors,
    genuine,
    imaps: { port: proxy.ports.imaps, caFile: authority.caFile },
  }
}

async function emptyDatabase(t: Test): Promise<EmptyDatabase> {
  const server = await startMariadb()
  t.teardown(() => server.close())
  const name = `homing_proxy_${process.pid}`
  return { url: await server.createDatabase(name), execute: sql => server.execute(sql, name) }
}

async function startBackend(
  t: Test,
  major: Major,
  authority: CertificateAuthority,
  certificate: Certificate,
): Promise<RunningDovecot> {
  // A backend's Homing knows the backend's users only.
  const homing = await startHoming({ config: localUsers })
  t.teardown(() => homing.close())
  const backend = await startDovecot({
    installation: installationOf(major),
    role: 'backend',
    service: homing,
    certificate,
    caFile: authority.caFile,
    site: 'login_trusted_networks = 127.0.0.1\n',
  })
  t.teardown(() => backend.stop())
  const names = ['none', 'starttls', 'ssl', 'same', ...crowdOf('there')].map(name => `${name}@backend.test`)
  await homing.addAccounts({ localUsers: names.map(name => localRow(backend, name)) })
  return backend
}

type FakeBackends = Readonly<Record<string, FakeBackend>>

/** Backends whose certificate was signed by nobody we know, or for another name. */
async function startImpostors(
  t: Test,
  folder: string,
  authority: CertificateAuthority,
): Promise<FakeBackends> {
  const stranger = await createAuthority(folder, 'strange')
  const unknownSigner = await stranger.issue('server', 'DNS:localhost,IP:127.0.0.1')
  const otherName = await authority.issue('other', 'DNS:other.test')
  return {
    ...(await startFakeBackends(t, 'unknown-signer', unknownSigner)),
    ...(await startFakeBackends(t, 'other-name', otherName)),
  }
}

async function startFakeBackends(t: Test, name: string, certificate: Certificate): Promise<FakeBackends> {
  const starttls = await startFakeBackend('starttls', certificate)
  const ssl = await startFakeBackend('ssl', certificate)
  t.teardown(() => Promise.all([starttls.stop(), ssl.stop()]))
  return { [`${name}-starttls`]: starttls, [`${name}-ssl`]: ssl }
}

function proxyUsers(backends: readonly RunningDovecot[], fakes: FakeBackends): ProxyUser[] {
  const [first] = backends
  if (!first) throw new Error('no backend')
  const route = (backend: RunningDovecot, mode: ProxyUser['ssl_mode']) => ({
    host: mode === 'ssl' ? '127.0.0.1' : 'localhost',
    port: mode === 'ssl' ? backend.ports.imaps : backend.ports.imap,
    pop3_port: mode === 'ssl' ? backend.ports.pop3s : backend.ports.pop3,
    lmtp_port: backend.ports.lmtp,
    ssl_mode: mode,
  })
  return [
    ...backends.flatMap(backend =>
      (['none', 'starttls', 'ssl'] as const).map(mode => ({
        ...route(backend, mode),
        username: proxiedName(backend, mode),
        password: STORED,
        destuser: `${mode}@backend.test`,
      })),
    ),
    { ...route(first, 'none'), username: 'delivered@proxied.test', destuser: 'none@backend.test' },
    { ...route(first, 'starttls'), username: 'suspended@proxied.test', password: STORED, active: 0 },
    { ...route(first, 'starttls'), username: 'twofold@proxied.test', password: '{PLAIN}another one' },
    { ...route(first, 'starttls'), username: 'same@proxied.test', destuser: 'same@backend.test' },
    ...crowdOf('there').map(name => ({
      ...route(first, 'starttls'),
      username: `${name}@proxied.test`,
      password: STORED,
      destuser: `${name}@backend.test`,
    })),
    ...Object.entries(fakes).map(([name, { port }]) => ({
      username: `${name}@proxied.test`,
      host: 'localhost',
      port,
      ssl_mode: name.endsWith('ssl') ? ('ssl' as const) : ('starttls' as const),
    })),
  ]
}

/** Local users of the proxy; proxied names are among them, and must never be found here. */
export function proxyLocalUsers(proxy: RunningDovecot): LocalUser[] {
  const names = [
    'local@proxied.test',
    'same-here@proxied.test',
    'suspended@proxied.test',
    'twofold@proxied.test',
    'delivered@proxied.test',
  ]
  const crowd = crowdOf('here').map(name => `${name}@proxied.test`)
  return [
    ...[...names, ...crowd].map(name => localRow(proxy, name)),
    { ...localRow(proxy, 'suspended-here@proxied.test'), active: 0 },
  ]
}

function localRow(dovecot: RunningDovecot, username: string): LocalUser {
  return { username, password: STORED, home: join(dovecot.mailFolder, username), ...mailUser }
}

export const proxiedName = (backend: RunningDovecot, mode: string) => `${mode}-${backend.major}@proxied.test`

function installationOf(major: Major) {
  const installation = findDovecot(`dovecot-${major}`)
  if (!installation) throw new Error(`Dovecot ${major} was there a moment ago`)
  return installation
}

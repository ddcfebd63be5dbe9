// Reads valkey_url: redis://user:password@host:6379/0, rediss:// for TLS, unix:/path. Pure.

export interface ValkeyLocation {
  readonly place: { readonly host: string; readonly port: number } | { readonly path: string }
  readonly tls: boolean
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** Without password. */
  readonly name: string
}

const DEFAULT_PORT = 6379
const schemes: Readonly<Record<string, { readonly tls: boolean }>> = {
  'redis:': { tls: false },
  'valkey:': { tls: false },
  'rediss:': { tls: true },
  'valkeys:': { tls: true },
}

/** What is wrong is said without the password. */
export function parseValkeyUrl(text: string): ValkeyLocation | { readonly wrong: string } {
  if (text.startsWith('unix:')) return parseUnix(text.slice('unix:'.length), text)
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return { wrong: 'this is no URL (in a password, write @ : / ? # % as %40 %3A %2F %3F %23 %25)' }
  }
  const scheme = Object.hasOwn(schemes, url.protocol) ? schemes[url.protocol] : undefined
  if (!scheme) return { wrong: `unknown kind "${url.protocol}" (known: redis://, rediss://, unix:)` }
  if (url.hostname === '') return { wrong: 'it names no host' }
  const database = url.pathname.replace(/^\//, '')
  if (!/^\d{0,5}$/.test(database)) return { wrong: 'after the host only the number of a database can stand' }
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port)
  const [user, password] = [decoded(url.username), decoded(url.password)]
  if (user === undefined || password === undefined) return { wrong: 'a % in it starts no %XX (write %25)' }
  return {
    place: { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port },
    tls: scheme.tls,
    user: user || undefined,
    password: password || undefined,
    database: Number(database || 0),
    name: `${url.protocol}//${url.username && `${url.username}@`}${url.hostname}:${port}/${database || 0}`,
  }
}

function parseUnix(path: string, text: string): ValkeyLocation | { readonly wrong: string } {
  if (!path.startsWith('/')) return { wrong: 'a unix socket needs an absolute path' }
  const place = { path: path.replace(/^\/\/+/, '/') }
  return { place, tls: false, user: undefined, password: undefined, database: 0, name: text }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

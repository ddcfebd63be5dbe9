// Keeps passwords in URLs away from everything that is printed.

const parameter = /([?&](?:password|passwd|pass|secret|token)=)[^&#]*/gi
/** A path after the colon, and not after all an account of somebody's. */
const file = /^(?:sqlite|unix):(?!\/\/[^:@/]*:.*@)/is
const withAuthority = /^([a-z][a-z0-9+.-]*:)(?:\/\/(.*))?/is
const host = /^(?:\[[\w.:%]*\]|[^[\]:]*)(?::\d{0,5})?$/

/**
 * The URL without its passwords. Where a password may hold `@` or `/` unescaped, too much is cut and never too little;
 * where it cannot be told what is a password, as in a URL without `//` or `@`, only the kind of URL is left.
 */
export function withoutPassword(url: string, replacement = ''): string {
  const text = url.replace(parameter, `$1${replacement}`)
  if (text === '' || file.test(text)) return text
  const [, kind = '', rest] = withAuthority.exec(text) ?? []
  const shown = rest === undefined ? undefined : certain(kind, rest, replacement)
  return shown === undefined ? kind + replacement : `${kind}//${shown}`
}

/** Whether the URL holds a password, or may hold one. */
export function holdsPassword(url: string): boolean {
  return withoutPassword(url) !== url
}

/** What follows `//`, without the password; undefined where it may be anywhere. */
function certain(kind: string, rest: string, replacement: string): string | undefined {
  const at = rest.lastIndexOf('@')
  const place = rest.slice(at + 1)
  if (!beginsWithHosts(place)) return undefined
  if (at < 0) return mayBeAccount(kind, place) ? undefined : place
  const account = rest.slice(0, at)
  const colon = account.indexOf(':')
  if (colon < 0) return rest
  const user = account.slice(0, colon)
  if (/[/?]/.test(user)) return undefined
  return `${user}${replacement && `:${replacement}`}@${place}`
}

function beginsWithHosts(place: string): boolean {
  return hostList(place)
    .split(',')
    .every(each => host.test(each.trim()))
}

/** A MySQL without a user does not exist: `homing:4711` is rather the user and a password than a host and a port. */
function mayBeAccount(kind: string, place: string): boolean {
  return /^(?:mysql|mariadb):$/i.test(kind) && hostList(place).includes(':')
}

function hostList(place: string): string {
  return /^[^/?#]*/.exec(place)?.[0] ?? ''
}

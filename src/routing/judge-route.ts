// Whether a route leads away, back to whoever asks, or nowhere. Pure.
// Source: auth-request.c:auth_request_proxy_ip_is_self, auth_request_proxy_finish_ip; login-proxy.c:login_proxy_is_ourself,
// 2.3.19. Dovecot 2.3 does not notice a loop by name, and goes in circles until its queue is full.

import type { AuthRequest } from '../model/auth-request.js'
import { type ExtraFields, withoutFields } from '../model/extra-fields.js'
import { addressOf } from '../model/ip-address.js'

export interface RouteFacts {
  /** Of the host, `hostip` first; undefined: nobody has looked. */
  readonly addresses: readonly string[] | undefined
  /** auth_proxy_self, by name, or by address in the one form of `addressOf`. */
  isSelf(addressOrName: string): boolean
  /** What a name is looked up as by whoever it is sent to; undefined: as nobody. */
  lookedUpAs(user: string): string | undefined
}

export type JudgedRoute = { readonly fields: ExtraFields } | { readonly stopped: string }

/** The fields with which to go on, those of a route taken away if the mailbox is here; or why nothing may leave. */
export function judgeRoute(fields: ExtraFields, request: AuthRequest, facts: RouteFacts): JudgedRoute {
  const host = fields.get('host') ?? ''
  if (!leadsBack(host, request, facts)) return { fields }
  if (fields.has('proxy')) {
    if (!isOwnPort(fields, request) || !isSameUser(fields, request, facts)) return { fields }
    const port = fields.get('port') ?? 'of the protocol'
    return { stopped: `the route leads back to the proxy that asks: host ${host}, port ${port}, same user` }
  }
  // Where the port cannot be compared Dovecot decides: it knows the one that the client came to.
  const port = fields.get('port')
  const isHere = port === undefined || (request.localPort !== undefined && Number(port) === request.localPort)
  return { fields: isHere ? withoutFields(fields, routeFields) : fields }
}

/** What belongs to a route and means nothing, or harm, to a local login. */
const routeFields = [
  ...['proxy', 'proxy_maybe', 'host', 'hostip', 'port', 'destuser', 'pass', 'master', 'ssl', 'starttls'],
  ...['proxy_nopipelining', 'proxy_not_trusted', 'proxy_noauth', 'proxy_mech', 'proxy_timeout'],
  ...['proxy_refresh', 'proxy_host_immediate_failure_after', 'proxy_redirect_reauth', 'proxy_no_multiplex'],
  'source_ip',
]

function leadsBack(host: string, request: AuthRequest, { addresses, isSelf }: RouteFacts): boolean {
  if (isSelf(host.toLowerCase())) return true
  if (addresses === undefined) return false
  const own = [request.localIp, request.realLocalIp].flatMap(address => addressOf(address ?? '') ?? [])
  return addresses.some(text => {
    const address = addressOf(text) ?? text
    return own.includes(address) || isSelf(address)
  })
}

/** The ports that a protocol's clients usually come to. */
const usualPorts: Readonly<Record<string, readonly [plain: number, tls: number]>> = {
  imap: [143, 993],
  pop3: [110, 995],
  lmtp: [24, 24],
  submission: [587, 465],
  sieve: [4190, 4190],
  managesieve: [4190, 4190],
}

function isOwnPort(fields: ExtraFields, { protocol, localPort }: AuthRequest): boolean {
  const usual = Object.hasOwn(usualPorts, protocol) ? usualPorts[protocol] : undefined
  const startsWithTls = fields.has('ssl') && !fields.has('starttls')
  const port = fields.has('port') ? Number(fields.get('port')) : usual?.[startsWithTls ? 1 : 0]
  if (port === undefined) return false
  return localPort === undefined ? usual?.includes(port) === true : port === localPort
}

/** Whether the next hop, whose rules for names are ours, would ask about the same account. */
function isSameUser(fields: ExtraFields, { user }: AuthRequest, { lookedUpAs }: RouteFacts): boolean {
  const destuser = fields.get('destuser')
  return destuser === undefined || destuser === user || lookedUpAs(destuser) === user
}

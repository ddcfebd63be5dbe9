// Looks at every route before it leaves, when the cache has had its say: the answer depends on who asks.

import { isIP } from 'node:net'
import type { AuthRequest } from '../model/auth-request.js'
import type { Clock } from '../model/clock.js'
import { type ExtraFields, withField } from '../model/extra-fields.js'
import { addressOf } from '../model/ip-address.js'
import type { UsernameRules } from '../model/username.js'
import { createAddressBook, type Resolve, systemResolve } from './address-book.js'
import { type JudgedRoute, judgeRoute } from './judge-route.js'
import type { RoutingSettings } from './routing-settings.js'

export interface Router {
  /** The fields of a verdict as they may leave, or why none may. At once when nothing has to be looked up. Never rejects. */
  route(fields: ExtraFields, request: AuthRequest): JudgedRoute | Promise<JudgedRoute>
  /** Resolves the names of auth_proxy_self and goes on doing so; within the deadline, whatever DNS does. */
  start(): Promise<void>
  stop(): void
}

export interface RouterDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly warn: (message: string) => void
  readonly usernameRules: Pick<UsernameRules, 'normalise'>
  readonly resolve?: Resolve
  /** For tests. */
  readonly refreshMs?: number
}

const REFRESH_MS = 60_000

/** No DNS is asked about it, and Dovecot 2.3 goes in circles with it. */
const localhost = ['127.0.0.1', '::1']

export function createRouter(settings: RoutingSettings, deps: RouterDeps): Router {
  const { clock, warn, usernameRules, resolve = systemResolve } = deps
  const written = settings.auth_proxy_self.map(entry => addressOf(entry) ?? entry.toLowerCase())
  const names = written.filter(entry => isIP(entry) === 0)
  const addressesOfNames = new Map<string, readonly string[]>()
  const looksUp = settings.proxy_hostip || written.length > 0
  const timing = { ttlMs: settings.proxy_dns_ttl, timeoutMs: settings.proxy_dns_timeout, clock }
  const book = createAddressBook({ ...timing, resolve })
  let self: ReadonlySet<string> = new Set(written)
  let refreshing: NodeJS.Timeout | undefined

  /** A name that cannot be resolved keeps the addresses that it had. */
  async function refresh(): Promise<void> {
    const ownBook = createAddressBook({ ...timing, resolve })
    await Promise.all(
      names.map(async name => {
        const found = await ownBook.find(name)
        if ('addresses' in found) addressesOfNames.set(name, found.addresses)
        else warn(`auth_proxy_self: ${name} cannot be resolved: ${found.failed}`)
      }),
    )
    self = new Set([
      ...written,
      ...[...addressesOfNames.values()].flat().map(address => addressOf(address) ?? address),
    ])
  }

  const isSelf = (addressOrName: string) => self.has(addressOrName)
  const lookedUpAs = (user: string) => {
    const name = usernameRules.normalise(user)
    return 'user' in name ? name.user : undefined
  }

  async function lookedUp(host: string, fields: ExtraFields, request: AuthRequest): Promise<JudgedRoute> {
    const found = await book.find(host)
    if ('failed' in found) return { stopped: `the host ${host} cannot be resolved: ${found.failed}` }
    const judged = judgeRoute(fields, request, { addresses: found.addresses, isSelf, lookedUpAs })
    const [first] = found.addresses
    if (!settings.proxy_hostip || first === undefined || !('fields' in judged)) return judged
    if (!judged.fields.has('host')) return judged
    return { fields: withField(judged.fields, 'hostip', first) }
  }

  return {
    route: (fields, request) => {
      const host = fields.get('host')
      if (host === undefined || !(fields.has('proxy') || fields.has('proxy_maybe'))) return { fields }
      const known = knownAddresses(host, fields.get('hostip'))
      if (known === undefined && looksUp) return lookedUp(host, fields, request)
      return judgeRoute(fields, request, { addresses: known, isSelf, lookedUpAs })
    },
    start: async () => {
      if (names.length === 0) return
      refreshing = setInterval(() => void refresh(), deps.refreshMs ?? REFRESH_MS).unref()
      await refresh()
    },
    stop: () => clearInterval(refreshing),
  }
}

/** To look closer at a name takes long. */
const mayBeAddress = /:|\d$/

function knownAddresses(host: string, hostip: string | undefined): readonly string[] | undefined {
  if (hostip !== undefined) return [hostip]
  if (mayBeAddress.test(host) && isIP(host) !== 0) return [host]
  return host.toLowerCase() === 'localhost' ? localhost : undefined
}

// The addresses of hosts: looked up once for everybody who asks, believed for a while, and kept while DNS is ill.

import { lookup } from 'node:dns/promises'
import type { Clock } from '../model/clock.js'

/** The addresses of a name, in the order in which they are to be tried. Rejects with Node's codes: ENOTFOUND, EAI_AGAIN. */
export type Resolve = (host: string) => Promise<readonly string[]>

export type Addresses = { readonly addresses: readonly string[] } | { readonly failed: string }

export interface AddressBook {
  /** Never rejects, and ends within the deadline. A known host is answered at once, however old that is. */
  find(host: string): Promise<Addresses>
}

export interface AddressBookOptions {
  readonly ttlMs: number
  readonly timeoutMs: number
  readonly clock: Pick<Clock, 'now'>
  readonly resolve?: Resolve
  /** For tests. */
  readonly limits?: Partial<typeof usualLimits>
}

const usualLimits = {
  hosts: 10_000,
  /** getaddrinfo occupies a thread of the four that files and ciphers need too, for as long as DNS is silent. */
  atOnce: 2,
  /** A name that nobody has is not asked for again at once. */
  unknownMs: 5000,
  /** DNS that is ill for longer than this may have given the address to somebody else. */
  staleMs: 86_400_000,
}

interface Entry {
  addresses: Addresses
  askedAt: number
  /** When the addresses were last confirmed. */
  confirmedAt: number
}

/** /etc/hosts and DNS, as the machine is set up. */
export const systemResolve: Resolve = async host =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)

export function createAddressBook(options: AddressBookOptions): AddressBook {
  const { ttlMs, timeoutMs, clock, resolve = systemResolve } = options
  const limits = { ...usualLimits, ...options.limits }
  const entries = new Map<string, Entry>()
  const underWay = new Map<string, Promise<Addresses>>()
  const waiting: (() => void)[] = []
  let running = 0

  return {
    find: async host => {
      const key = host.toLowerCase()
      const entry = entries.get(key)
      if (entry === undefined) return withinTimeout(ask(key))
      const now = clock.now()
      if ('addresses' in entry.addresses && isStale(entry)) return withinTimeout(ask(key))
      const patience = 'failed' in entry.addresses ? limits.unknownMs : ttlMs
      if (now - entry.askedAt < patience) return entry.addresses
      const asking = ask(key)
      // What did not exist may exist by now; what did is answered as it was.
      return 'failed' in entry.addresses ? withinTimeout(asking) : entry.addresses
    },
  }

  function ask(key: string): Promise<Addresses> {
    let asking = underWay.get(key)
    if (asking === undefined) {
      asking = resolveInTurn(key).finally(() => underWay.delete(key))
      underWay.set(key, asking)
    }
    return asking
  }

  async function resolveInTurn(key: string): Promise<Addresses> {
    if (running >= limits.atOnce) await new Promise<void>(go => waiting.push(go))
    running++
    try {
      const found = await resolve(key)
      return keep(key, found.length > 0 ? { addresses: found } : { failed: 'it has no address' })
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
      // "There is no such name" takes away what is known; everything else is trouble of DNS, and does so in the end.
      const known = entries.get(key)
      const isGone = code === 'ENOTFOUND' || code === 'ENODATA'
      if (!isGone && known && 'addresses' in known.addresses && !isStale(known)) {
        known.askedAt = clock.now()
        return known.addresses
      }
      return keep(key, { failed: code })
    } finally {
      running--
      waiting.shift()?.()
    }
  }

  function isStale({ confirmedAt }: Entry): boolean {
    return clock.now() - confirmedAt > limits.staleMs
  }

  function keep(key: string, addresses: Addresses): Addresses {
    const now = clock.now()
    entries.delete(key)
    const [oldest] = entries.keys()
    if (oldest !== undefined && entries.size >= limits.hosts) entries.delete(oldest)
    entries.set(key, { addresses, askedAt: now, confirmedAt: now })
    return addresses
  }

  async function withinTimeout(asking: Promise<Addresses>): Promise<Addresses> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Addresses>(done => {
      timer = setTimeout(() => done({ failed: `no answer within ${timeoutMs} ms` }), timeoutMs)
    })
    const addresses = await Promise.race([asking, late])
    clearTimeout(timer)
    return addresses
  }
}

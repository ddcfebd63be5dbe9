// Which of a database's hosts are up. The first in the list is preferred; one that failed is probed in the background.

import { errorCode } from './database-error.js'
import type { DatabaseHost } from './database-url.js'
import type { HostFigures, PoolFigures } from './sql-database.js'

export interface HostState {
  readonly address: DatabaseHost
  /** Place in the URL; lower is preferred. */
  readonly rank: number
  readonly name: string
  /** Answers, as far as is known: connections to it may be used. */
  isUp: boolean
  /** Lets no further connection in, for whatever reason. Those it has let in work on. */
  isFull: boolean
  /** Why it was down or full the last time. */
  cause: unknown
}

export interface MysqlHosts {
  readonly all: readonly HostState[]
  readonly figures: Pick<PoolFigures, 'hostsUp' | 'hostsDown' | 'hosts'>
  /** The hosts that are up, full ones too, the most preferred first; those to be avoided come last. */
  up(): readonly HostState[]
  /** The first of them that lets connections in. */
  best(): HostState | undefined
  /** The host just failed. It is not used until a probe succeeded; the first one starts now. */
  failed(host: HostState, cause: unknown): void
  /** The host lets no further connection in while others to it work: it is full until a probe gets in. */
  filled(host: HostState, cause: unknown): void
  /**
   * Resolves when a host is up again; rejects when all were just found down. Who asks at the same moment waits for
   * the same probes, and within PROBE_PAUSE_MS of a failure nobody waits at all.
   */
  untilOneIsUp(): Promise<void>
  close(): void
}

/** What a probe found, unless it rejects: a host that is full answers on connections that it let in before. */
export type ProbeResult = 'up' | 'full'

/** Between the background probes of a host that is down or full. */
const PROBE_INTERVAL_MS = 1000
/** A host that refused so recently is not bothered again by who just came. */
const PROBE_PAUSE_MS = 100

interface ProbedHost extends HostState {
  failedAt: number
  probe: Promise<void> | undefined
  timer: NodeJS.Timeout | undefined
}

/** `isAvoided`: another host that is up comes first, whatever the order. `probe` resolves when the host answers a query, and rejects within the connect deadline when it does not. */
export function createMysqlHosts(
  addresses: readonly DatabaseHost[],
  probe: (host: HostState) => Promise<ProbeResult>,
  isAvoided: (rank: number) => boolean = () => false,
): MysqlHosts {
  let closed = false
  const all: ProbedHost[] = addresses.map((address, rank) => ({
    address,
    rank,
    name: hostName(address),
    isUp: true,
    isFull: false,
    failedAt: 0,
    cause: undefined,
    probe: undefined,
    timer: undefined,
  }))

  const mark = (host: ProbedHost, is: { isUp: boolean; isFull: boolean }, cause = host.cause) => {
    Object.assign(host, is)
    host.failedAt = performance.now()
    host.cause = cause
  }
  const probeLater = (host: ProbedHost) => {
    clearTimeout(host.timer)
    if (closed) return
    host.timer = setTimeout(() => probeNow(host).catch(() => {}), PROBE_INTERVAL_MS)
    host.timer.unref()
  }
  const probeNow = (host: ProbedHost): Promise<void> => {
    if (host.isUp && !host.isFull) return Promise.resolve()
    host.probe ??= probe(host)
      .then(
        found => {
          mark(host, { isUp: true, isFull: found === 'full' })
          if (found === 'full') probeLater(host)
          else clearTimeout(host.timer)
        },
        cause => {
          mark(host, isDown, cause)
          probeLater(host)
          throw cause
        },
      )
      .finally(() => {
        host.probe = undefined
      })
    return host.probe
  }
  const probeUnlessJustFailed = (host: ProbedHost): Promise<void> =>
    !host.probe && performance.now() - host.failedAt < PROBE_PAUSE_MS
      ? Promise.reject(host.cause)
      : probeNow(host)

  const up = () => {
    const answering = all.filter(host => host.isUp)
    const isLast = ({ rank }: HostState) => Number(answering.length > 1 && isAvoided(rank))
    return answering.sort((a, b) => isLast(a) - isLast(b))
  }

  return {
    all,
    get figures() {
      const hostsUp = all.filter(({ isUp }) => isUp).length
      return { hostsUp, hostsDown: all.length - hostsUp, hosts: all.map(hostFigures) }
    },
    up,
    best: () => up().find(host => !host.isFull),
    failed: (host, cause) => {
      const probed = all[host.rank]
      if (!probed?.isUp || closed) return
      mark(probed, isDown, cause)
      probeNow(probed).catch(() => {})
    },
    filled: (host, cause) => {
      const probed = all[host.rank]
      if (!probed?.isUp || probed.isFull || closed) return
      mark(probed, { isUp: true, isFull: true }, cause)
      probeLater(probed)
    },
    untilOneIsUp: () =>
      Promise.any(all.map(probeUnlessJustFailed)).catch((failures: AggregateError) => {
        throw failures.errors[0]
      }),
    close: () => {
      closed = true
      for (const host of all) clearTimeout(host.timer)
    },
  }
}

const isDown = { isUp: false, isFull: false }

/** By a pool that writes this is known of writing, too; whoever has two pools knows both. */
function hostFigures({ name, isUp, cause }: HostState): HostFigures {
  return { name, isUp, takesWrites: isUp, ...(!isUp && { reason: errorCode(cause) }) }
}

function hostName(address: DatabaseHost): string {
  if ('socketPath' in address) return address.socketPath
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

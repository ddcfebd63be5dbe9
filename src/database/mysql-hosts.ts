// Which of a database's hosts are up. The first in the list is preferred; one that failed is probed in the background.

import type { DatabaseHost } from './database-url.js'

export interface HostState {
  readonly address: DatabaseHost
  /** Place in the URL; lower is preferred. */
  readonly rank: number
  readonly name: string
  isUp: boolean
  /** Why it was down the last time. */
  cause: unknown
}

export interface MysqlHosts {
  readonly all: readonly HostState[]
  /** The host to use now, the most preferred that is up and not to be avoided; undefined when none is up. */
  best(): HostState | undefined
  /** The host just failed. It is not used until a probe succeeded; the first one starts now. */
  failed(host: HostState, cause: unknown): void
  /**
   * Resolves when a host is up again; rejects when all were just found down. Who asks at the same moment waits for
   * the same probes, and within PROBE_PAUSE_MS of a failure nobody waits at all.
   */
  untilOneIsUp(): Promise<void>
  close(): void
}

/** Between the background probes of a host that is down. */
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
  probe: (host: HostState) => Promise<void>,
  isAvoided: (rank: number) => boolean = () => false,
): MysqlHosts {
  let closed = false
  const all: ProbedHost[] = addresses.map((address, rank) => ({
    address,
    rank,
    name: hostName(address),
    isUp: true,
    failedAt: 0,
    cause: undefined,
    probe: undefined,
    timer: undefined,
  }))

  const markDown = (host: ProbedHost, cause: unknown) => {
    host.isUp = false
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
    if (host.isUp) return Promise.resolve()
    host.probe ??= probe(host)
      .then(
        () => {
          host.isUp = true
          clearTimeout(host.timer)
        },
        cause => {
          markDown(host, cause)
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

  return {
    all,
    best: () => all.find(host => host.isUp && !isAvoided(host.rank)) ?? all.find(host => host.isUp),
    failed: (host, cause) => {
      const probed = all[host.rank]
      if (!probed?.isUp || closed) return
      markDown(probed, cause)
      probeNow(probed).catch(() => {})
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

function hostName(address: DatabaseHost): string {
  if ('socketPath' in address) return address.socketPath
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

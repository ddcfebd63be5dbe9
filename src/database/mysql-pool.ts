// Connections to the hosts of one database: few, used by many, and never more than the limit.

import { isTooManyConnections } from './database-error.js'
import type { DatabaseHost } from './database-url.js'
import type { MysqlConnection } from './mysql-connection.js'
import { createMysqlHosts, type HostState, type ProbeResult } from './mysql-hosts.js'
import type { PoolFigures } from './sql-database.js'
import { WaitingLine } from './waiting-line.js'

export interface MysqlPoolOptions {
  readonly hosts: readonly DatabaseHost[]
  readonly size: number
  readonly connectTimeoutMs: number
  /** How long one waits for a connection that others use. */
  readonly acquireTimeoutMs: number
  readonly idleTimeoutMs: number
  /** What a host that was down must answer before it is used again; `select 1` must not be refused, at least. */
  readonly probe: { readonly sql: string; readonly isGood: (rows: unknown) => boolean }
  /** Whether another host that is up is to be used before this one, by its place in `hosts`. */
  readonly isAvoided?: (rank: number) => boolean
  readonly connect: (host: DatabaseHost, onLost: (cause: unknown) => void) => Promise<MysqlConnection>
}

/** A connection lent to one user; Kysely's MysqlDialect knows it by these functions. */
export interface LentConnection {
  /** Its host's place in `hosts`. */
  readonly rank: number
  query(
    sql: string,
    parameters: readonly unknown[],
    callback: (error: unknown, result?: unknown) => void,
  ): void
  /** Gives it back. A connection that was lost is closed instead. */
  release(): void
  /** This server cannot do what it should (read-only): closed on release, and its host asked again before its next use. */
  discard(cause: unknown): void
}

export interface MysqlPool {
  /**
   * A connection to the most preferred host that is up. Where no further one gets in, those that work are shared.
   * Rejects when all hosts are down or all connections stay in use.
   */
  acquire(): Promise<LentConnection>
  /** How many connections exist or are being made. */
  readonly openCount: number
  readonly figures: PoolFigures
  close(): Promise<void>
}

interface Pooled {
  readonly host: HostState
  readonly connection: MysqlConnection
  /** Takes one of the places in the pool: false before it joined and after it was lost or dropped. */
  isCounted: boolean
  idleSince: number
}

export function createMysqlPool(options: MysqlPoolOptions): MysqlPool {
  const idle: Pooled[] = []
  const lentOut = new Set<Pooled>()
  const waiters = new WaitingLine<Pooled>()
  /** How many connections are being made to each host, by its rank. */
  const making = options.hosts.map(() => 0)
  let open = 0
  let closed = false
  let allReturned: (() => void) | undefined

  const hosts = createMysqlHosts(options.hosts, probe, options.isAvoided)
  const idleCheck = setInterval(closeIdle, Math.max(10, Math.min(options.idleTimeoutMs / 2, 10_000)))
  idleCheck.unref()

  async function acquire(): Promise<LentConnection> {
    if (closed) throw failure('HOMING_DATABASE_CLOSED', 'the database is closed')
    const ready = takeIdle()
    if (ready) return lend(ready)
    return lend(isToOpen() ? await openOne() : await nextReturned())
  }

  /** One of the most preferred host's; the next host's only where the one before would let no further connection in. */
  function takeIdle(): Pooled | undefined {
    for (const host of hosts.up()) {
      const ready = takeIdleOf(host)
      if (ready || !host.isFull) return ready
    }
    return undefined
  }

  function takeIdleOf(host: HostState): Pooled | undefined {
    const index = idle.findLastIndex(pooled => pooled.host === host)
    return index < 0 ? undefined : idle.splice(index, 1)[0]
  }

  /** Whether there is room for a further connection, and no reason to wait for one that works instead. */
  function isToOpen(): boolean {
    const best = hosts.best()
    if (!best && isAnyShared()) return false
    if (open >= options.size) closeWorst(best)
    return open < options.size
  }

  /** Whether a host that is full has let us in: sooner or later somebody gives that connection back. */
  function isAnyShared(): boolean {
    return hosts.up().some(host => host.isFull && isHeld(host))
  }

  function isHeld(host: HostState): boolean {
    const isOfHost = (pooled: Pooled) => pooled.host === host
    return (making[host.rank] ?? 0) > 0 || idle.some(isOfHost) || [...lentOut].some(isOfHost)
  }

  /** Tries the hosts in order. Each one is given the connect deadline, so that a hanging one does not hide the next. */
  async function openOne(): Promise<Pooled> {
    open++
    try {
      return await connectToBest()
    } catch (cause) {
      open--
      const ready = takeIdle()
      if (ready) return ready
      if (!closed && isAnyShared()) return nextReturned()
      // Who waits for a connection would only learn the same, later.
      waiters.refuseAll(cause)
      if (open === 0) allReturned?.()
      throw cause
    }
  }

  async function connectToBest(): Promise<Pooled> {
    if (!hosts.best() && !isAnyShared()) await hosts.untilOneIsUp()
    let failed: unknown
    for (let tries = 0; tries < hosts.all.length; tries++) {
      const host = hosts.best()
      if (!host) break
      try {
        return await connectTo(host)
      } catch (cause) {
        failed = cause
        // While others to it work, a connection that is refused says nothing about them. Should they not work
        // either, whoever uses one finds out.
        if (isHeld(host)) hosts.filled(host, cause)
        else hosts.failed(host, cause)
      }
    }
    throw failed ?? failure('HOMING_DATABASE_HOST_DOWN', 'no host is up')
  }

  async function connectTo(host: HostState): Promise<Pooled> {
    const { rank } = host
    making[rank] = (making[rank] ?? 0) + 1
    try {
      return await connect(host, true)
    } finally {
      making[rank] = (making[rank] ?? 0) - 1
    }
  }

  async function connect(host: HostState, isCounted: boolean): Promise<Pooled> {
    const state: { pooled?: Pooled; lostWith?: { cause: unknown } } = {}
    const connection = await options.connect(host.address, cause => {
      state.lostWith = { cause }
      if (state.pooled) lost(state.pooled, cause)
    })
    if (state.lostWith) throw state.lostWith.cause
    state.pooled = { host, connection, isCounted, idleSince: 0 }
    return state.pooled
  }

  /** A host that was down or full: up again once it has let us in and answered. What came before then is not trusted. */
  async function probe(host: HostState): Promise<ProbeResult> {
    try {
      const pooled = await connectAndAsk(host)
      if (!host.isUp) dropIdle(other => other.host === host)
      join(pooled)
      return 'up'
    } catch (cause) {
      if (!(await worksOn(host, cause))) {
        dropIdle(other => other.host === host)
        throw cause
      }
      host.cause = cause
      return 'full'
    }
  }

  async function connectAndAsk(host: HostState): Promise<Pooled> {
    const deadline = performance.now() + options.connectTimeoutMs
    const pooled = await connect(host, false)
    try {
      await passes(options.probe, pooled.connection, Math.max(1, deadline - performance.now()))
      return pooled
    } catch (cause) {
      pooled.connection.destroy()
      throw cause
    }
  }

  /** The connection that showed that a host is up is kept. */
  function join(pooled: Pooled): void {
    if (closed || open >= options.size) return void pooled.connection.end()
    open++
    pooled.isCounted = true
    giveBack(pooled)
  }

  /** Whether connections to a host that did not let a probe in may be used: one that was down has to show it. */
  async function worksOn(host: HostState, cause: unknown): Promise<boolean> {
    if (host.isUp) return isHeld(host)
    const pooled = isTooManyConnections(cause) ? takeIdleOf(host) : undefined
    if (!pooled) return false
    try {
      await passes(options.probe, pooled.connection, options.connectTimeoutMs)
    } catch {
      void drop(pooled)
      return false
    }
    giveBack(pooled)
    return true
  }

  function nextReturned(): Promise<Pooled> {
    return waiters.wait(options.acquireTimeoutMs, whyNone)
  }

  function whyNone(): unknown {
    const full = hosts.best() ? undefined : hosts.up().find(host => host.isFull)
    return full?.cause ?? failure('HOMING_DATABASE_BUSY', `all ${options.size} connections stayed in use`)
  }

  function lend(pooled: Pooled): LentConnection {
    let isReturned = false
    let isUnfit = false
    lentOut.add(pooled)
    return {
      rank: pooled.host.rank,
      query: (sql, parameters, callback) => pooled.connection.query(sql, parameters, callback),
      discard: cause => {
        isUnfit = true
        hosts.failed(pooled.host, cause)
      },
      release: () => {
        if (isReturned) return
        isReturned = true
        lentOut.delete(pooled)
        if (isUnfit) void drop(pooled)
        else giveBack(pooled)
      },
    }
  }

  function giveBack(pooled: Pooled): void {
    if (!pooled.isCounted) return
    if (closed) return void drop(pooled)
    if (waiters.give(pooled)) return
    pooled.idleSince = performance.now()
    idle.push(pooled)
  }

  /** The connection broke while it was in use or idle. In use, the host is suspected; idle, servers may hang up. */
  function lost(pooled: Pooled, cause: unknown): void {
    if (!pooled.isCounted) return
    pooled.isCounted = false
    const index = idle.indexOf(pooled)
    if (index >= 0) idle.splice(index, 1)
    else hosts.failed(pooled.host, cause)
    gone()
  }

  async function drop(pooled: Pooled): Promise<void> {
    if (!pooled.isCounted) return
    pooled.isCounted = false
    gone()
    await pooled.connection.end()
  }

  function dropIdle(which: (pooled: Pooled) => boolean): void {
    for (const pooled of idle.filter(which)) {
      idle.splice(idle.indexOf(pooled), 1)
      void drop(pooled)
    }
  }

  function closeWorst(best: HostState | undefined): void {
    const worse = idle.find(pooled => pooled.host !== best)
    if (worse) dropIdle(pooled => pooled === worse)
  }

  /** One connection less: its place goes to whoever waits longest. */
  function gone(): void {
    open--
    if (closed && open === 0) allReturned?.()
    if (closed || waiters.length === 0 || !isToOpen()) return
    openOne().then(giveBack, () => {})
  }

  function closeIdle(): void {
    const oldest = performance.now() - options.idleTimeoutMs
    // A host that is full would not let us in again.
    dropIdle(pooled => pooled.idleSince < oldest && !pooled.host.isFull)
  }

  return {
    acquire,
    get openCount() {
      return open
    },
    get figures() {
      return { busy: lentOut.size, idle: idle.length, waiting: waiters.length, ...hosts.figures }
    },
    close: async () => {
      if (closed) return
      closed = true
      clearInterval(idleCheck)
      hosts.close()
      waiters.refuseAll(failure('HOMING_DATABASE_CLOSED', 'the database is closed'))
      await Promise.all(
        idle.splice(0).map(async pooled => {
          pooled.isCounted = false
          open--
          await pooled.connection.end()
        }),
      )
      if (open > 0) await within(options.acquireTimeoutMs, done => (allReturned = done))
      for (const pooled of lentOut) pooled.connection.destroy()
    },
  }
}

function passes(
  probe: MysqlPoolOptions['probe'],
  connection: MysqlConnection,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(failure('HOMING_DATABASE_TIMEOUT', `no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    )
    connection.query(probe.sql, [], (error, rows) => {
      clearTimeout(timer)
      if (error) reject(error)
      else if (probe.isGood(rows)) resolve()
      else reject(failure('HOMING_DATABASE_READ_ONLY', 'the server is read-only'))
    })
  })
}

function within(timeoutMs: number, start: (done: () => void) => void): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, timeoutMs)
    start(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

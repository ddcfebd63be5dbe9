// Asks each host of a database, again and again, which change it has.

import { type ChangeRow, isAbsent } from './change-log.js'
import type { DatabaseHost } from './database-url.js'
import { type HostAge, HostAges } from './host-ages.js'
import type { MysqlConnection } from './mysql-connection.js'

export interface AgesOptions {
  readonly hosts: readonly DatabaseHost[]
  readonly connect: (host: DatabaseHost, onLost: (cause: unknown) => void) => Promise<MysqlConnection>
}

export interface MysqlAges {
  isBehind(host: number): boolean
  /** Which of the names this host may answer with what was before, by what is known now. */
  tooOldSoFar(host: number, names: readonly string[]): readonly string[]
  /** The same, after the host has been asked anew. */
  tooOld(host: number, names: readonly string[]): Promise<readonly string[]>
  close(): Promise<void>
}

const INTERVAL_MS = 500
/** Where there is no table of changes, or none for us, nothing can be known; it may be made meanwhile. */
const ABSENT_PAUSE_MS = 30_000
const ROWS_AT_ONCE = 5000

const agesQuery =
  'select @@global.read_only as is_read_only, (select coalesce(max(id), 0) from homing_changes) as newest'
const changesQuery = 'select id, username, kind from homing_changes where id > ? order by id limit ?'

export function watchAges({ hosts, connect }: AgesOptions): MysqlAges {
  const ages = new HostAges(hosts.length)
  const connections: (Promise<MysqlConnection> | undefined)[] = hosts.map(() => undefined)
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let asking = round()

  async function round(): Promise<void> {
    const startedAt = performance.now()
    let isMissing = false
    const answers = await Promise.all(
      hosts.map((_, host) =>
        ageOf(host).catch(cause => {
          isMissing ||= isAbsent(cause)
          return undefined
        }),
      ),
    )
    const wanted = ages.asked(answers)
    if (wanted) await learn(wanted, answers[wanted.host]?.newest ?? 0).catch(() => {})
    if (isClosed) return
    const pause = isMissing ? ABSENT_PAUSE_MS : Math.max(50, INTERVAL_MS - (performance.now() - startedAt))
    timer = setTimeout(() => {
      asking = round()
    }, pause).unref()
  }

  async function learn({ host, from }: { host: number; from: number }, newest: number): Promise<void> {
    const found = await ask(host, changesQuery, [from, ROWS_AT_ONCE])
    const rows = found.map(
      ({ id, username, kind }): ChangeRow => ({
        id: Number(id),
        user: String(username),
        kind: String(kind) as ChangeRow['kind'],
      }),
    )
    ages.learned(from, newest, rows, rows.length < ROWS_AT_ONCE)
  }

  async function ageOf(host: number): Promise<HostAge> {
    const [row] = await ask(host, agesQuery, [])
    return { newest: Number(row?.newest), isReadOnly: Number(row?.is_read_only) !== 0 }
  }

  async function ask(
    host: number,
    sql: string,
    parameters: readonly unknown[],
  ): Promise<Record<string, unknown>[]> {
    const connection = await connectionTo(host)
    return new Promise((resolve, reject) =>
      connection.query(sql, parameters.map(String), (error, rows) =>
        error ? reject(error) : resolve(rows as Record<string, unknown>[]),
      ),
    )
  }

  /** The one that is kept. */
  function connectionTo(host: number): Promise<MysqlConnection> {
    const kept = connections[host]
    if (kept) return kept
    const address = hosts[host]
    if (!address || isClosed) return Promise.reject(new Error('closed'))
    const forget = () => {
      if (connections[host] === connecting) connections[host] = undefined
    }
    const connecting = connect(address, forget)
    connecting.catch(forget)
    connections[host] = connecting
    return connecting
  }

  return {
    isBehind: host => ages.isBehind(host),
    tooOldSoFar: (host, names) => ages.tooOld(host, names),
    tooOld: async (host, names) => {
      const known = ages.newest
      const age = await ageOf(host).catch(() => undefined)
      if (age) ages.sawNow(host, age.newest, known)
      return ages.tooOld(host, names)
    },
    close: async () => {
      isClosed = true
      clearTimeout(timer)
      await asking.catch(() => {})
      await Promise.all(
        connections.map(connection => connection?.then(opened => opened.end()).catch(() => {})),
      )
    },
  }
}

// deploy/compose as plain processes on loopback: HAProxy, three copies of Homing, MariaDB with a replica, Valkey.

import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningBalancer, startBalancer } from './balancers.js'
import { type FaultyLink, startFaultyLink } from './faulty-link.js'
import { type HomingOptions, type RunningHoming, startHoming } from './homing.js'
import type { MariadbServer } from './mariadb-server.js'
import { type RedisServer, startRedis } from './redis-server.js'
import { replicated, startReplicatedPair } from './replication.js'

export interface Topology {
  readonly balancer: RunningBalancer
  readonly copies: readonly RunningHoming[]
  readonly primary: MariadbServer
  readonly replica: MariadbServer
  /** Between the copies and the two database servers. */
  readonly links: { readonly primary: FaultyLink; readonly replica: FaultyLink }
  readonly valkey: RedisServer
  readonly token: string
  /** Where the copies find their database: through the links, the primary first. */
  readonly databaseUrl: string
  /** The primary's database, past the links. */
  readonly primaryUrl: string
  /** Resolves when the replica has all that the primary has. */
  replicated(): Promise<void>
  /** A further copy, on the same database, which the balancer does not know. */
  startCopy(options?: HomingOptions): Promise<RunningHoming>
  close(): Promise<void>
}

export const DATABASE = 'homing'
const USER = 'mail'
const PASSWORD = 'mail-test'

/** Settings of every copy. */
const settings = [
  'auth_cache_size = "32M"',
  'auth_cache_ttl = "1 hour"',
  'auth_cache_negative_ttl = "10 secs"',
  'shutdown_delay = "1500 msecs"',
]

/** Everything runs when it resolves, and ends with this process. The balancer has found the copies. */
export async function startTopology(): Promise<Topology> {
  const opened: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end().catch(() => {})
  }
  const keep = async <T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting
    opened.push(() => started.close())
    return started
  }
  try {
    const [{ primary, replica }, valkey] = await Promise.all([startReplicatedPair(), keep(startRedis())])
    for (const server of [primary, replica]) opened.push(() => server.close())
    await primary.execute(`create database ${DATABASE}; ${grants}`)
    const links = {
      primary: await keep(startFaultyLink(primary.port)),
      replica: await keep(startFaultyLink(replica.port)),
    }
    const url = (...ports: number[]) =>
      `mysql://${USER}:${PASSWORD}@${ports.map(port => `127.0.0.1:${port}`).join(',')}/${DATABASE}`
    const databaseUrl = url(links.primary.port, links.replica.port)
    const execute = (sql: string) => primary.execute(sql, DATABASE)
    const startCopy = ({ config = '', ...options }: HomingOptions = {}) =>
      startHoming({
        database: { url: databaseUrl, execute },
        config: [...settings, `valkey_url = "redis://127.0.0.1:${valkey.port}"`, config].join('\n'),
        ...options,
      })
    const copies: RunningHoming[] = []
    for (let at = 0; at < 3; at++) copies.push(await keep(startCopy()))
    const ports = copies.map(copy => Number(new URL(copy.url).port))
    const balancer = await startBalancer('haproxy', { copies: ports })
    opened.push(() => balancer.stop())
    await sleep(800)
    return {
      balancer,
      copies,
      primary,
      replica,
      links,
      valkey,
      token: copies[0]?.token ?? '',
      databaseUrl,
      primaryUrl: url(primary.port),
      replicated: () => replicated(primary, replica),
      startCopy,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A user who may not write to a read-only server. Homing's own tables are made by `homing migrate`, as this user. */
const grants = `
  create user '${USER}'@'%' identified by '${PASSWORD}';
  grant select, insert, update, delete, create, alter, drop, index on ${DATABASE}.* to '${USER}'@'%'`

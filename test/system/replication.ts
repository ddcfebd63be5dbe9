// Two MariaDB servers of a test's own, the second one following the first.

import { type MariadbServer, startOwnMariadb } from './mariadb-server.js'

export interface ReplicatedPair {
  readonly primary: MariadbServer
  /** Read-only, also after a restart. */
  readonly replica: MariadbServer
}

export async function startReplicatedPair(): Promise<ReplicatedPair> {
  const [primary, replica] = await Promise.all([
    startOwnMariadb({ args: replicationArgs(1) }),
    startOwnMariadb({ args: [...replicationArgs(2), '--read-only'] }),
  ])
  await follow(replica, primary)
  return { primary, replica }
}

/** From here on `follower` takes what `leader` does. */
export async function follow(follower: MariadbServer, leader: MariadbServer): Promise<void> {
  await follower.execute(
    `stop slave; change master to master_host='127.0.0.1', master_port=${leader.port}, master_user='${leader.user}', ` +
      `master_password='${leader.password}', master_use_gtid=current_pos, master_connect_retry=1; start slave`,
  )
}

/** Resolves when `follower` has all that `leader` has. */
export async function replicated(leader: MariadbServer, follower: MariadbServer): Promise<void> {
  const [row] = await leader.execute('select @@gtid_binlog_pos as position')
  const [waited] = await follower.execute(`select master_gtid_wait('${row?.position}', 20) as result`)
  if (Number(waited?.result) === 0) return
  const [status] = await follower.execute('show slave status')
  const why = status?.Last_IO_Error || status?.Last_SQL_Error || 'it is only slow'
  throw new Error(`the replica did not get to ${row?.position} in 20 s: ${why}`)
}

/**
 * `next` takes changes now, with all that `leader` has, and `leader` takes none. What is written meanwhile is refused by both:
 * were they writable at the same moment, each could have a change of its own, and neither could follow the other again.
 */
export async function handOver(leader: MariadbServer, next: MariadbServer): Promise<void> {
  await leader.execute('set global read_only = on')
  await replicated(leader, next)
  await next.execute('stop slave; reset slave all; set global read_only = off')
}

function replicationArgs(serverId: number): string[] {
  return [
    ...[`--server-id=${serverId}`, '--log-bin=binlog', '--log-slave-updates', '--binlog-format=ROW'],
    ...['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1', '--slave-net-timeout=5'],
  ]
}

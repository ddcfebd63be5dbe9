// Logins of proxied users through the auth socket of a real Dovecot, 64 in flight, Dovecot's caches off: its own
// `passdb sql` is the reference, then Homing on the same MariaDB through each door, its cache off and on. Beside them, the
// bare service says what could be reached at all on this machine (bare-service.ts).

import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import {
  type DovecotAuth,
  type Installation,
  startDovecotAuth,
} from '../../conformance/chain/dovecot-auth.js'
import { type AskedService, type Door, doorsOf } from '../../system/doors.js'
import { type MariadbServer, startMariadb, whyNoMariadb } from '../../system/mariadb-server.js'
import { findDovecot } from '../../system/parts.js'
import type { DovecotLoad } from '../dovecot-load.js'
import type { LoadResult } from '../load-result.js'
import { median } from '../quantile.js'
import { type DovecotFiles, doorFiles, limits, type Major, passdbSql } from './dovecot-files.js'
import type { Contender, Measurement, Timing } from './measurement.js'
import { BARE_PROGRAM, type RunningService, startBare, startHoming } from './running-services.js'

const USERS = 100_000
const PASSWORD = 'secret-pw'
const IN_FLIGHT = { connections: 8, perConnection: 8 }
/**
 * How many workers each may have; those that serve this machine best are measured. A worker of a door waits for two
 * programs: with more of them Homing and the database answer more in one go, and with fewer they find their memory in the
 * processor's caches. Which of the two is worth more differs from machine to machine.
 */
const WORKERS: Readonly<Record<'sql' | Door, readonly number[]>> = {
  sql: [4, 8],
  oauth2: [],
  lua: [8, 12, 16],
  dict: [8, 16, 32],
  'dict-verify': [8, 16, 32],
  checkpassword: [8],
  'checkpassword-exec': [8],
}
/** Each number is tried so often, in turn. The first time, which may have to fill Homing's cache, does not count. */
const TRIES = 3
const TRY: Timing = { warmupMs: 200, durationMs: 500 }
/** Homing with its cache off and on, and what stands in its place. */
const askedOnes = ['cache off', 'cache on', 'bare'] as const
type Asked = (typeof askedOnes)[number]

/** How much of the reference of its version each door is to reach. checkpassword starts a program for each login. */
const goals: Readonly<Partial<Record<Door, number>>> = {
  oauth2: 1.3,
  dict: 1.0,
  'dict-verify': 1.0,
  lua: 0.6,
}

const nameOf = (index: number) => `p${String(index).padStart(7, '0')}@proxy.test`
const sample = Array.from({ length: 20_000 }, () => nameOf(Math.floor(Math.random() * USERS)))

export const endToEnd: Measurement = {
  name: 'end-to-end',
  title: `logins of proxied users a second, ${USERS} of them in MariaDB, through Dovecot's auth socket, 64 in flight, no Dovecot cache`,
  async open(folder) {
    const reason = whyNoMariadb()
    if (reason !== undefined) return nothing(reason)
    const opened: (() => Promise<unknown>)[] = []
    const close = async () => {
      for (const closeOne of opened.reverse()) await closeOne()
    }
    try {
      const mariadb = await startMariadb({ args: ['--innodb-buffer-pool-size=256M'] })
      opened.push(() => mariadb.close())
      const url = await mariadb.createDatabase('bench')
      const kept = async ({ service, stop }: RunningService) => {
        opened.push(stop)
        return service
      }
      const off = await kept(await startHoming(folder, url, 'off'))
      await fill(mariadb)
      const services = {
        'cache off': off,
        'cache on': await kept(await startHoming(folder, url, 'on')),
        bare: await kept(await startBare(folder, url)),
      }
      const contenders: Contender[] = []
      for (const major of ['2.3', '2.4'] as const) {
        for (const dovecot of await dovecotsOf(major, mariadb, services, folder)) {
          opened.push(dovecot.stop)
          contenders.push(dovecot.contender)
        }
      }
      return { contenders, close }
    } catch (error) {
      await close()
      throw error
    }
  },
}

function nothing(reason: string) {
  console.log(`not measured: ${reason}`)
  return { contenders: [], close: async () => {} }
}

interface OpenContender {
  readonly contender: Contender
  stop(): Promise<void>
}

/** The reference and the doors of one version; empty, and said so, where the version is not installed. */
async function dovecotsOf(
  major: Major,
  mariadb: MariadbServer,
  services: Readonly<Record<Asked, AskedService>>,
  folder: string,
): Promise<OpenContender[]> {
  const found = findDovecot(`dovecot-${major}`)
  if (!found) {
    console.log(`not measured: Dovecot ${major}, which is not installed here or needs root`)
    return []
  }
  const installation: Installation = { version: major, root: found.root || '/' }
  const open: OpenContender[] = []
  const start = async (
    workers: number | undefined,
    { config, files }: DovecotFiles,
  ): Promise<OpenDovecot> => {
    const limited = config + limits[major](workers)
    const dovecot = await startDovecotAuth(installation, { config: limited, files })
    return {
      workers,
      dovecot,
      load: async timing => {
        // Dovecot 2.4.1 learns from its first worker how many it may have, and workers end after a minute without work: a
        // crowd that comes then gets no answer for five seconds.
        await load(dovecot, folder, { connections: 1, perConnection: 1 }, { warmupMs: 50, durationMs: 50 })
        return load(dovecot, folder, IN_FLIGHT, timing)
      },
    }
  }
  const add = async (
    name: string,
    kind: 'sql' | Door,
    files: DovecotFiles,
    atLeast?: number,
  ): Promise<void> => {
    const { workers, dovecot, load } = await best(WORKERS[kind], workers => start(workers, files))
    const family = `${basename(dirname(dirname(dovecot.clientSocket)))}/dovecot.conf`
    const contender: Contender = {
      name: workers === undefined ? name : `${name}, ${workers} workers`,
      ...(reference && { comparedWith: { name: reference, ...(atLeast !== undefined && { atLeast }) } }),
      processes: {
        auth: { family, only: /^dovecot\/auth *$/ },
        workers: { family, only: /^dovecot\/auth -w *$/ },
        mariadb: { family: `--port=${mariadb.port}` },
        homing: { family: `serve --config ${folder}` },
        bare: { family: BARE_PROGRAM },
      },
      load,
    }
    open.push({ contender, stop: () => dovecot.stop() })
    if (kind === 'sql') reference = contender.name
  }
  let reference: string | undefined
  if (existsSync(join('/', found.root, 'usr/lib/dovecot/modules/auth/libdriver_mysql.so'))) {
    await add(`${major} passdb sql`, 'sql', passdbSql[major](mariadb))
  } else {
    console.log(
      `not measured: passdb sql of Dovecot ${major}, dovecot-mysql is not installed in "${found.root}/"`,
    )
  }
  for (const door of doorsOf[major].filter(door => goals[door] !== undefined)) {
    for (const asked of askedOnes) {
      const atLeast = asked === 'bare' ? undefined : goals[door]
      await add(`${major} ${door}, ${asked}`, door, doorFiles(major, door, services[asked]), atLeast)
    }
  }
  return open
}

interface OpenDovecot {
  /** Unset: as many as Dovecot likes, for what needs none. */
  readonly workers: number | undefined
  readonly dovecot: DovecotAuth
  readonly load: Contender['load']
}

/** The one that answers most. The others are stopped. */
async function best(
  counts: readonly number[],
  start: (workers: number | undefined) => Promise<OpenDovecot>,
): Promise<OpenDovecot> {
  const [only] = counts
  if (counts.length < 2) return start(only)
  const tried: { readonly one: OpenDovecot; readonly rates: number[] }[] = []
  for (const workers of counts) tried.push({ one: await start(workers), rates: [] })
  for (let round = 0; round < TRIES; round++) {
    for (const { one, rates } of tried) {
      const { requestsPerSecond } = await one.load(TRY)
      if (round > 0) rates.push(requestsPerSecond)
    }
  }
  const [first, ...others] = tried.sort((a, b) => median(b.rates) - median(a.rates))
  for (const { one } of others) await one.dovecot.stop()
  return (first as (typeof tried)[number]).one
}

async function load(
  dovecot: DovecotAuth,
  folder: string,
  inFlight: typeof IN_FLIGHT,
  timing: Timing,
): Promise<LoadResult> {
  const load: DovecotLoad = {
    socket: dovecot.clientSocket,
    users: sample,
    password: PASSWORD,
    ...inFlight,
    ...timing,
  }
  const file = join(folder, 'load.json')
  writeFileSync(file, JSON.stringify(load))
  const generator = join(import.meta.dirname, '../dovecot-load.js')
  const { stdout } = await promisify(execFile)(process.execPath, [generator, file])
  return JSON.parse(stdout)
}

async function fill(mariadb: MariadbServer): Promise<void> {
  await mariadb.execute(
    `INSERT INTO proxy_users (username, host, port, ssl_mode, destuser, active)
    SELECT CONCAT('p', LPAD(seq, 7, '0'), '@proxy.test'), CONCAT('backend', seq % 8, '.example.com'), 143, 'starttls',
      CONCAT('p', LPAD(seq, 7, '0'), '@backend.test'), 1 FROM seq_0_to_${USERS - 1};
    ANALYZE TABLE proxy_users`,
    'bench',
  )
}

// Who exists, what is their password, where is their mail: at every moment the set of answers that are right.

import { setTimeout as sleep } from 'node:timers/promises'

/** One question and what may be answered to it now. */
export interface Question {
  readonly group: Group
  readonly user: string
  readonly password: string
  /** The right answers at a moment: `ok backend1.test`, `ok` (mail is here), `password_mismatch`, … */
  rightAt(askedAt: number, answeredAt: number): readonly string[]
}

/**
 * `warm`: asked again and again, so that every copy has them cached. `cold`: asked once. `changing`: their password
 * changes. The others are those who must not get in.
 */
export type Group = 'warm' | 'cold' | 'local' | 'both' | 'wrong' | 'unknown' | 'disabled' | 'changing'

const sizes = { warm: 60, local: 20, both: 10, disabled: 10, changing: 6 }
const PEPPER = 'sesame'

/** After an acknowledged change no copy lets the old password in for longer than this. */
export const STALENESS_MS = 2000

interface Version {
  readonly password: string
  readonly startedAt: number
  /** When it was acknowledged; undefined: under way; Infinity: nobody knows whether it happened. */
  ackedAt: number | undefined
}

export interface Truth {
  /** A question of the mix of a normal day, with its share of wrong passwords and strangers. */
  next(): Question
  /** What proves that databases are read again. */
  nextCold(): Question
  /** One of each user who is asked again and again. */
  readonly everyWarm: readonly Question[]
  /** Changing users, and what they should have stored. */
  readonly changing: readonly ChangingUser[]
  /** SQL that makes them all in an empty, migrated database. */
  readonly sql: string
}

export class ChangingUser {
  readonly user: string
  readonly #versions: Version[]

  constructor(user: string) {
    this.user = user
    this.#versions = [{ password: `${user}-0`, startedAt: 0, ackedAt: 0 }]
  }

  /** Makes the change through `write`, and remembers what became of it. */
  async change(write: (user: string, password: string) => Promise<boolean>): Promise<boolean> {
    const version: Version = {
      password: `${this.user}-${this.#versions.length}`,
      startedAt: performance.now(),
      ackedAt: undefined,
    }
    this.#versions.push(version)
    const isAcknowledged = await write(this.user, version.password).catch(() => false)
    version.ackedAt = isAcknowledged ? performance.now() : Number.POSITIVE_INFINITY
    return isAcknowledged
  }

  /** What the database may hold now. */
  stored(): readonly string[] {
    return this.acceptable(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  get newest(): string {
    return this.#versions.at(-1)?.password ?? ''
  }

  get lastAcknowledged(): string {
    return this.#versions.findLast(({ ackedAt }) => Number.isFinite(ackedAt))?.password ?? ''
  }

  /** Some password that was theirs before the last one. */
  get former(): string {
    return this.#versions.at(-2)?.password ?? 'never-was'
  }

  /** What must, and what may be let in, by somebody who asked and was answered then. */
  rightAt(password: string, askedAt: number, answeredAt: number): readonly string[] {
    const host = hostOf(this.user)
    const may = this.acceptable(askedAt, answeredAt)
    if (!may.includes(password)) return ['password_mismatch']
    return may.length === 1 ? [`ok ${host}`] : [`ok ${host}`, 'password_mismatch']
  }

  private acceptable(askedAt: number, answeredAt: number): readonly string[] {
    const begun = this.#versions.filter(({ startedAt }) => startedAt < answeredAt)
    const settled = begun.findLastIndex(
      ({ ackedAt }) => ackedAt !== undefined && Number.isFinite(ackedAt) && ackedAt + STALENESS_MS <= askedAt,
    )
    return begun.slice(Math.max(0, settled)).map(({ password }) => password)
  }
}

export function createTruth(coldUsers: number): Truth {
  const changing = Array.from({ length: sizes.changing }, (_, at) => new ChangingUser(`p${at}@change.test`))
  const fixed = (group: Group, user: string, password: string, ...right: string[]): Question => ({
    group,
    user,
    password,
    rightAt: () => right,
  })
  const some = (count: number) => Math.floor(Math.random() * count)
  let cold = 0
  const nextCold = () => {
    const user = `c${cold++ % coldUsers}@cold.test`
    return fixed('cold', user, passwordOf(user), `ok ${hostOf(user)}`)
  }
  const changed = (): Question => {
    const account = changing[some(changing.length)] as ChangingUser
    const password = [account.newest, account.lastAcknowledged, account.former][some(3)] as string
    return {
      group: 'changing',
      user: account.user,
      password,
      rightAt: (askedAt, answeredAt) => account.rightAt(password, askedAt, answeredAt),
    }
  }
  const proxied = (group: Group, letter: string, at: number) => {
    const user = `${letter}${at}@${group}.test`
    return fixed(group, user, passwordOf(user), `ok ${hostOf(user)}`)
  }
  const makers: readonly (readonly [weight: number, make: () => Question])[] = [
    [40, () => proxied('warm', 'w', some(sizes.warm))],
    [25, nextCold],
    [5, () => proxied('both', 'b', some(sizes.both))],
    [
      5,
      () => {
        const user = `l${some(sizes.local)}@local.test`
        return fixed('local', user, passwordOf(user), 'ok')
      },
    ],
    [8, () => fixed('wrong', `w${some(sizes.warm)}@warm.test`, 'guess', 'password_mismatch')],
    [3, () => fixed('unknown', `x${some(1e9)}@nobody.test`, 'guess', 'user_unknown')],
    [
      4,
      () => {
        const user = `d${some(sizes.disabled)}@disabled.test`
        return fixed('disabled', user, passwordOf(user), 'user_disabled')
      },
    ],
    [10, changed],
  ]
  const total = makers.reduce((sum, [weight]) => sum + weight, 0)
  return {
    nextCold,
    everyWarm: Array.from({ length: sizes.warm }, (_, at) => proxied('warm', 'w', at)),
    changing,
    sql: insertStatements(coldUsers, changing),
    next: () => {
      let at = Math.random() * total
      for (const [weight, make] of makers) {
        at -= weight
        if (at < 0) return make()
      }
      return nextCold()
    },
  }
}

/** Waits until no change is so young that somebody might still be let in by what was before. */
export const untilSettled = (): Promise<void> => sleep(STALENESS_MS)

function passwordOf(user: string): string {
  return `${user}-${PEPPER}`
}

function hostOf(user: string): string {
  return `backend${Number(/\d+/.exec(user)?.[0] ?? 0) % 4}.test`
}

/** Who is in both tables, or disabled in the first, must never get the mailbox of the second. */
function insertStatements(coldUsers: number, changing: readonly ChangingUser[]): string {
  const proxy = (name: string, password: string, active: number) =>
    `('${name}', '{PLAIN}${password}', '${hostOf(name)}', 'none', ${active})`
  const local = (name: string, password: string) =>
    `('${name}', '{PLAIN}${password}', '/var/vmail/${name}', 5000, 5000)`
  const names = (letter: string, group: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${letter}${at}@${group}.test`)
  const both = names('b', 'both', sizes.both)
  const disabled = names('d', 'disabled', sizes.disabled)
  const proxyRows = [
    ...[...names('w', 'warm', sizes.warm), ...both].map(name => proxy(name, passwordOf(name), 1)),
    ...disabled.map(name => proxy(name, passwordOf(name), 0)),
    ...changing.map(({ user, newest }) => proxy(user, newest, 1)),
  ]
  const localRows = [...names('l', 'local', sizes.local), ...both, ...disabled].map(name =>
    local(name, passwordOf(name)),
  )
  const columns = 'proxy_users (username, password, host, ssl_mode, active)'
  const cold = `concat('c', seq, '@cold.test')`
  return [
    `insert into ${columns} values ${proxyRows.join(', ')}`,
    `insert into local_users (username, password, home, uid, gid) values ${localRows.join(', ')}`,
    `insert into ${columns} select ${cold}, concat('{PLAIN}', ${cold}, '-${PEPPER}'), concat('backend', seq % 4, '.test'), 'none', 1 from seq_0_to_${coldUsers - 1}`,
  ].join(';\n')
}

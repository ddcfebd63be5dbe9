// Tries in this process: sets within a sliding window, the groups used least lately forgotten when memory is full.

import { hash as digest, randomBytes } from 'node:crypto'
import type { Clock } from '../model/clock.js'
import { FloodCount } from './flood-count.js'
import { Generations } from './generations.js'
import { Members } from './members.js'
import {
  type Counted,
  isAlike,
  MOST_MEMBERS,
  type Outcome,
  type Question,
  type Tally,
  type TryStore,
} from './try-store.js'

export interface LocalTriesOptions {
  readonly windowMs: number
  readonly knownForMs: number
  readonly memoryBytes: number
  readonly clock: Pick<Clock, 'now'>
}

/** Known pairs have a part of the memory for themselves: no attack pushes out whoever may not be locked out. */
const KNOWN_SHARE = 1 / 3
const FLOOD_SHARE = 1 / 5
const FLOOD_FACTOR = 1.5
/** Measured (test/unit/policy/memory.test.ts): an entry of a Map with its key's string and its array. */
const GROUP_BYTES = 240
const PAIR_BYTES = 80

interface Group {
  /** In seconds. */
  sweptAt: number
  readonly members: Members
}

/** So often in a window a group is swept of what is too old: what counts a little longer does no harm. */
const SWEEPS = 60

export interface LocalTries extends TryStore {
  /** Without waiting. */
  judgeNow(question: Question): readonly Counted[]
  recordNow(outcome: Outcome): void
  /** A pair, by its hash, was known so long ago, to another copy or before a restart. */
  learn(pair: number, agoMs: number): void
  /** How long a pair will still be known; 0: it is not. */
  msKnown(pair: string | undefined): number
  readonly bytes: number
  readonly groups: number
  readonly pairs: number
}

export function createLocalTries({
  windowMs,
  knownForMs,
  memoryBytes,
  clock,
}: LocalTriesOptions): LocalTries {
  const flood = new FloodCount(cellsFor(memoryBytes * FLOOD_SHARE), windowMs, clock.now())
  const groups = new Generations<string, Group>(memoryBytes * (1 - KNOWN_SHARE) - flood.bytes, bytesOf)
  /** Their hash → when they last logged in. */
  const pairs = new Generations<number, number>(memoryBytes * KNOWN_SHARE, () => PAIR_BYTES)
  const hash = createMemberHash()
  const seconds = () => Math.floor(clock.now() / 1000)
  const windowSecs = Math.ceil(windowMs / 1000)
  const sweepSecs = windowSecs / SWEEPS

  function msKnown(pair: string | undefined): number {
    const since = pair === undefined ? undefined : pairs.get(pairHash(pair))
    return since === undefined ? 0 : Math.max(0, since + knownForMs - clock.now())
  }

  const isKnown = (pair: string | undefined): boolean => msKnown(pair) > 0

  function countIn(name: string): number {
    const group = groups.get(name)
    if (!group) return 0
    dropOld(name, group)
    return group.members.size
  }

  const isSpared = ({ spared }: Tally): boolean =>
    spared !== undefined && countIn(spared.group) < spared.below

  const isIn = (name: string, member: number): boolean => groups.get(name)?.members.has(member) ?? false

  function dropOld(name: string, group: Group): void {
    const now = seconds()
    if (now - group.sweptAt < sweepSecs) return
    group.sweptAt = now
    groups.change(name, group, ({ members }) => members.dropUntil(now - windowSecs))
  }

  function add(name: string, member: number): void {
    const group = groups.use(name) ?? { sweptAt: seconds(), members: new Members() }
    const at = group.members.at(member)
    // Often the same comes again: until the next sweep nothing changes by that.
    if (at !== undefined && seconds() - at < sweepSecs) return
    if (group.members.size === 0) groups.set(name, group)
    dropOld(name, group)
    if (group.members.size >= MOST_MEMBERS && !group.members.has(member)) return
    groups.change(name, group, ({ members }) => members.set(member, seconds()))
  }

  /** `isOfUser`: also where no flood of names makes it forgotten. */
  function count(name: string, member: number, isOfUser = false): void {
    if (isOfUser && !isIn(name, member)) flood.add(name, clock.now(), 1)
    add(name, member)
  }

  function remove(name: string, member: number): void {
    const group = groups.get(name)
    if (!group?.members.has(member)) return
    flood.add(name, clock.now(), -1)
    groups.change(name, group, ({ members }) => members.delete(member))
    if (group.members.size === 0) groups.delete(name)
  }

  function forget(name: string): void {
    flood.forget(name)
    groups.delete(name)
  }

  /** Where it is far beyond the limit: below it the group itself knows better. */
  function floodIn(name: string, limit: number, countsAtOnce: boolean): number {
    if (!countsAtOnce || limit === 0) return 0
    const count = flood.count(name, clock.now())
    return count >= FLOOD_FACTOR * limit ? count : 0
  }

  function judgeNow({ pair, tallies }: Question): readonly Counted[] {
    const known = isKnown(pair)
    const counted = tallies.map((tally): Counted => {
      const { group, member, limit, allowance, forKnown, countsAtOnce } = tally
      if (forKnown !== known || isSpared(tally)) return { count: undefined, limit }
      const own = countIn(group)
      // Nobody there: then it does not matter how many would be allowed, and most attempts are such.
      const most = own === 0 || allowance === undefined ? limit : limit + countIn(allowance)
      const total = Math.max(own, floodIn(group, most, countsAtOnce))
      if (total === 0) return { count: 0, limit: most }
      const isRepeated = !isFull(total, most) && isIn(group, hash(member))
      return { count: isRepeated ? total - 1 : total, limit: most }
    })
    if (counted.some(isReached)) return counted
    for (const { group, member, countsAtOnce, forKnown } of tallies) {
      if (countsAtOnce && forKnown === known) count(group, hash(member), true)
    }
    return counted
  }

  function recordNow({ pair, succeeded, failed, forgiven, allowances }: Outcome): void {
    const known = isKnown(pair)
    for (const { group, member, forKnown, countsAtOnce } of failed) {
      if (forKnown === known) count(group, hash(member), countsAtOnce)
    }
    for (const { group, member } of forgiven) remove(group, hash(member))
    for (const { group, member } of allowances) add(group, hash(member))
    if (!succeeded || pair === undefined) return
    pairs.set(pairHash(pair), clock.now())
  }

  return {
    judgeNow,
    recordNow,
    msKnown,
    learn: (pair, agoMs) => {
      const since = clock.now() - agoMs
      if ((pairs.get(pair) ?? Number.NEGATIVE_INFINITY) < since) pairs.set(pair, since)
    },
    judge: async question => judgeNow(question),
    record: async outcome => recordNow(outcome),
    counts: async names => names.map(name => countIn(name)),
    forget: async (names, alike = []) => {
      const found = alike.length === 0 ? [] : [...groups.keys()]
      for (const name of found) if (alike.some(pattern => isAlike(name, pattern))) forget(name)
      names.forEach(forget)
    },
    get bytes() {
      return groups.bytes + pairs.bytes + flood.bytes
    },
    get groups() {
      return groups.size
    },
    get pairs() {
      return pairs.size
    },
  }
}

export const isReached = ({ count, limit }: Counted): boolean => count !== undefined && isFull(count, limit)

const isFull = (count: number, limit: number): boolean => limit > 0 && count >= limit

/** The largest power of two; four rows of them, twice. */
const cellsFor = (bytes: number): number => 2 ** Math.floor(Math.log2(bytes / 8))

function bytesOf(name: string, { members }: Group): number {
  return GROUP_BYTES + name.length + members.bytes
}

/** 52 bits, the same in every copy and after every restart; nobody finds another pair with the same ones. */
export function pairHash(pair: string): number {
  // Asked several times in a row for one login.
  if (pair !== lastPair.pair) {
    lastPair = { pair, hash: Number.parseInt(digest('sha256', pair, 'hex').slice(0, 13), 16) }
  }
  return lastPair.hash
}

let lastPair = { pair: '', hash: 0 }

/**
 * 31 bits, for the few members of a group, from seeds of this process: nobody can make others' tries count as one. Not a
 * cryptographic hash, which would take longer than everything else.
 */
function createMemberHash(): (member: string) => number {
  const seeds = randomBytes(8)
  const [first, second] = [seeds.readInt32LE(0), seeds.readInt32LE(4)]
  return member => {
    let high = first
    let low = second
    for (let i = 0; i < member.length; i++) {
      const code = member.charCodeAt(i)
      high = Math.imul(high ^ code, 0x9e3779b1)
      low = Math.imul(low ^ code, 0x5f356495)
    }
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
    low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35)
    return (high ^ low) >>> 1
  }
}

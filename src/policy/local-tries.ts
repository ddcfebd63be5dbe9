// Tries in this process: sets within a sliding window, the least recently touched group forgotten when memory is full.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../model/clock.js'
import { type Counted, MOST_MEMBERS, type Outcome, type Question, type TryStore } from './try-store.js'

export interface LocalTriesOptions {
  readonly windowMs: number
  readonly knownForMs: number
  readonly memoryBytes: number
  readonly clock: Pick<Clock, 'now'>
}

/** Known pairs have a part of the memory for themselves: no attack pushes out whoever may not be locked out. */
const KNOWN_SHARE = 1 / 3
/** Measured (test/unit/policy/memory.test.ts): an entry of a Map with its key's string and its array. */
const GROUP_BYTES = 280
const PAIR_BYTES = 210
/** So much is forgotten at once: the first entry of a Map is found slowly when many before it were deleted. */
const LEFT_BEHIND = 0.9

/** When it was last swept, in seconds; then of each member the hash and the second when it came last. */
type Group = number[]

/** So often in a window a group is swept of what is too old: what counts a little longer does no harm. */
const SWEEPS = 60

export interface LocalTries extends TryStore {
  /** Without waiting. */
  judgeNow(question: Question): readonly Counted[]
  recordNow(outcome: Outcome): void
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
  const groups = new Map<string, Group>()
  const pairs = new Map<string, number>()
  const hash = createMemberHash()
  const groupLimit = memoryBytes * (1 - KNOWN_SHARE)
  const mostPairs = Math.floor((memoryBytes * KNOWN_SHARE) / PAIR_BYTES)
  let groupBytes = 0
  const seconds = () => Math.floor(clock.now() / 1000)
  const windowSecs = Math.ceil(windowMs / 1000)
  const sweepSecs = windowSecs / SWEEPS

  function isKnown(pair: string | undefined): boolean {
    const since = pair === undefined ? undefined : pairs.get(pair)
    return since !== undefined && clock.now() - since <= knownForMs
  }

  function countIn(name: string): number {
    const group = groups.get(name)
    if (!group) return 0
    dropOld(name, group)
    return sizeOf(group)
  }

  const isIn = (name: string, member: number): boolean => placeOf(groups.get(name) ?? [], member) >= 0

  function dropOld(name: string, group: Group): void {
    const now = seconds()
    if (now - (group[0] ?? 0) < sweepSecs) return
    group[0] = now
    const oldest = now - windowSecs
    let kept = 1
    for (let i = 1; i < group.length; i += 2) {
      if ((group[i + 1] ?? 0) <= oldest) continue
      group[kept] = group[i] ?? 0
      group[kept + 1] = group[i + 1] ?? 0
      kept += 2
    }
    if (kept === group.length) return
    groupBytes -= bytesOf(name, group)
    group.length = kept
    groupBytes += bytesOf(name, group)
  }

  function add(name: string, member: number): void {
    const group = groups.get(name) ?? [seconds()]
    // Now the youngest.
    if (groups.delete(name)) groupBytes -= bytesOf(name, group)
    groups.set(name, group)
    groupBytes += bytesOf(name, group)
    dropOld(name, group)
    const place = placeOf(group, member)
    if (place >= 0) group[place + 1] = seconds()
    else if (sizeOf(group) < MOST_MEMBERS) {
      groupBytes -= bytesOf(name, group)
      group.push(member, seconds())
      groupBytes += bytesOf(name, group)
    }
    shrink()
  }

  function shrink(): void {
    if (groupBytes <= groupLimit) return
    for (const [name, group] of groups) {
      if (groupBytes <= groupLimit * LEFT_BEHIND) return
      drop(name, group)
    }
  }

  function shrinkPairs(): void {
    if (pairs.size <= mostPairs) return
    for (const pair of pairs.keys()) {
      if (pairs.size <= mostPairs * LEFT_BEHIND) return
      pairs.delete(pair)
    }
  }

  function drop(name: string, group: Group): void {
    if (groups.delete(name)) groupBytes -= bytesOf(name, group)
  }

  function remove(name: string, member: number): void {
    const group = groups.get(name)
    const place = group ? placeOf(group, member) : -1
    if (!group || place < 0) return
    groupBytes -= bytesOf(name, group)
    group.splice(place, 2)
    groupBytes += bytesOf(name, group)
    if (sizeOf(group) === 0) drop(name, group)
  }

  function judgeNow({ pair, tallies }: Question): readonly Counted[] {
    const known = isKnown(pair)
    const counted = tallies.map(({ group, member, limit, allowance, forKnown }): Counted => {
      if (forKnown !== known) return { count: undefined, limit }
      const allowed = allowance === undefined ? 0 : countIn(allowance)
      const most = limit + allowed
      const total = countIn(group)
      const isRepeated = !isFull(total, most) && isIn(group, hash(member))
      return { count: isRepeated ? total - 1 : total, limit: most }
    })
    if (counted.some(isReached)) return counted
    for (const { group, member, countsAtOnce, forKnown } of tallies) {
      if (countsAtOnce && forKnown === known) add(group, hash(member))
    }
    return counted
  }

  function recordNow({ pair, succeeded, failed, forgiven, allowances }: Outcome): void {
    const known = isKnown(pair)
    for (const { group, member, forKnown } of failed) {
      if (forKnown === known) add(group, hash(member))
    }
    for (const { group, member } of forgiven) remove(group, hash(member))
    for (const { group, member } of allowances) add(group, hash(member))
    if (!succeeded || pair === undefined) return
    pairs.delete(pair)
    pairs.set(pair, clock.now())
    shrinkPairs()
  }

  return {
    judgeNow,
    recordNow,
    judge: async question => judgeNow(question),
    record: async outcome => recordNow(outcome),
    counts: async names => names.map(name => countIn(name)),
    forget: async names => {
      for (const name of names) {
        const group = groups.get(name)
        if (group) drop(name, group)
      }
    },
    get bytes() {
      return groupBytes + pairs.size * PAIR_BYTES
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

/** An array has room to grow once it has grown. */
const bytesOf = (name: string, { length }: Group): number =>
  GROUP_BYTES + name.length + (length <= 3 ? 24 : 8 * (1.5 * length + 16))

const sizeOf = (group: Group): number => (group.length - 1) / 2

function placeOf(group: Group, member: number): number {
  for (let i = 1; i < group.length; i += 2) if (group[i] === member) return i
  return -1
}

/**
 * 53 bits, from seeds of this process: nobody can make others' tries count as one. Not a cryptographic hash, which would
 * take longer than everything else.
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
    return (high >>> 11) * 2 ** 32 + (low >>> 0)
  }
}

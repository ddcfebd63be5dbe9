// Tries in Valkey, for several copies: one script a question, so that no two copies let in the same last try.

import type { ValkeyCommands } from '../state/state-store.js'
import {
  type Counted,
  type GroupPattern,
  isAlike,
  MOST_MEMBERS,
  type Question,
  type TryStore,
} from './try-store.js'

export interface SharedTriesOptions {
  readonly windowMs: number
  readonly knownForMs: number
}

/**
 * The pair's key is the first; `ms`: how long the asking copy knows it yet, -1 where there is no pair. What a copy knows is
 * written again, for those that do not: a store that was emptied must not keep owners out at home.
 */
const IS_KNOWN = `
local function isKnown(ms)
  ms = tonumber(ms)
  if ms < 0 then return false end
  if redis.call('EXISTS', KEYS[1]) == 1 then return true end
  if ms == 0 then return false end
  redis.call('SET', KEYS[1], '1', 'PX', ms)
  return true
end`

/**
 * Sorted sets: member → when it was seen last, in the store's own time. A tally's second key is that of the group which
 * spares it (then its last argument is how many are too few) or of its allowance (-1).
 */
const JUDGE = `${IS_KNOWN}
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window = tonumber(ARGV[1]); local n = tonumber(ARGV[2])
local known = isKnown(ARGV[3]) and 1 or 0
local reply = {}; local full = false
for i = 0, n - 1 do
  local a = 3 + i * 5
  local group, other = KEYS[2 + i * 2], KEYS[3 + i * 2]
  local member, limit, forKnown = ARGV[a + 1], tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local below = tonumber(ARGV[a + 5])
  if below ~= 0 and forKnown == known then redis.call('ZREMRANGEBYSCORE', other, '-inf', now - window) end
  if forKnown ~= known or (below > 0 and redis.call('ZCARD', other) < below) then
    reply[#reply + 1] = -1; reply[#reply + 1] = limit
  else
    redis.call('ZREMRANGEBYSCORE', group, '-inf', now - window)
    local count = redis.call('ZCARD', group)
    local allowed = limit
    if below < 0 then allowed = allowed + redis.call('ZCARD', other) end
    if limit > 0 and count >= allowed then full = true
    elseif redis.call('ZSCORE', group, member) then count = count - 1 end
    reply[#reply + 1] = count; reply[#reply + 1] = allowed
  end
end
if not full then
  for i = 0, n - 1 do
    local a = 3 + i * 5
    if ARGV[a + 4] == '1' and tonumber(ARGV[a + 3]) == known then
      redis.call('ZADD', KEYS[2 + i * 2], now, ARGV[a + 1]); redis.call('PEXPIRE', KEYS[2 + i * 2], window)
    end
  end
end
return reply`

const RECORD = `${IS_KNOWN}
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window = tonumber(ARGV[1]); local most = tonumber(ARGV[3])
local known = isKnown(ARGV[4]) and '1' or '0'
for i = 2, #KEYS do
  local a = 5 + (i - 2) * 2
  local what, member = ARGV[a + 1], ARGV[a + 2]
  if what == 'remove' then redis.call('ZREM', KEYS[i], member)
  elseif what == 'add' or what == known then
    if redis.call('ZCARD', KEYS[i]) < most or redis.call('ZSCORE', KEYS[i], member) then
      redis.call('ZADD', KEYS[i], now, member); redis.call('PEXPIRE', KEYS[i], window)
    end
  end
end
if ARGV[5] == '1' then redis.call('SET', KEYS[1], '1', 'PX', ARGV[2]) end`

export function createSharedTries(
  commands: ValkeyCommands,
  { windowMs, knownForMs }: SharedTriesOptions,
): TryStore {
  const groupKey = (group: string) => commands.keyOf(`try:${group}`)
  const pairKey = (pair: string | undefined) => commands.keyOf(`known:${pair ?? ''}`)
  const window = String(windowMs)
  return {
    judge: async ({ pair, knownForMs: ms, tallies }: Question) => {
      const keys = tallies.flatMap(({ group, spared, allowance }) => [
        groupKey(group),
        groupKey(spared?.group ?? allowance ?? ''),
      ])
      const args = tallies.flatMap(({ member, limit, forKnown, countsAtOnce, spared, allowance }) => [
        member,
        String(limit),
        forKnown ? '1' : '0',
        countsAtOnce ? '1' : '0',
        String(spared?.below ?? (allowance === undefined ? 0 : -1)),
      ])
      const head = [window, String(tallies.length), msOf(pair, ms)]
      const answer = await commands.run(JUDGE, [pairKey(pair), ...keys], [...head, ...args])
      return answer.answered ? countedOf(answer.value, tallies.length) : undefined
    },
    record: async ({ pair, knownForMs: ms, succeeded, failed, forgiven, allowances }) => {
      const all = [
        ...failed.map(({ group, member, forKnown }) => [forKnown ? '1' : '0', group, member] as const),
        ...forgiven.map(({ group, member }) => ['remove', group, member] as const),
        ...allowances.map(({ group, member }) => ['add', group, member] as const),
      ]
      const isToBeKnown = succeeded && pair !== undefined ? '1' : '0'
      const head = [window, String(knownForMs), String(MOST_MEMBERS), msOf(pair, ms), isToBeKnown]
      await commands.run(
        RECORD,
        [pairKey(pair), ...all.map(([, group]) => groupKey(group))],
        [...head, ...all.flatMap(([what, , member]) => [what, member])],
      )
    },
    counts: async groups => {
      const answers = await Promise.all(groups.map(group => commands.send(['ZCARD', groupKey(group)])))
      return answers.map(answer => (answer.answered ? Number(answer.value) : 0))
    },
    forget: async (groups, alike = []) => {
      if (groups.length > 0) await commands.send(['DEL', ...groups.map(groupKey)])
      for (const pattern of alike) await forgetAlike(pattern)
    },
  }

  /** Looks at every key: only an operator forgets, and seldom. */
  async function forgetAlike(pattern: GroupPattern): Promise<void> {
    const glob = `${literally(groupKey(pattern.begins))}*${literally(pattern.ends)}`
    const isMeant = (key: string) => isAlike(key.slice(groupKey('').length), pattern)
    let cursor = '0'
    do {
      const answer = await commands.send(['SCAN', cursor, 'MATCH', glob, 'COUNT', '1000'])
      if (!answer.answered) return
      const [next, keys] = answer.value as readonly [string, readonly string[]]
      const meant = keys.filter(isMeant)
      if (meant.length > 0) await commands.send(['DEL', ...meant])
      cursor = next
    } while (cursor !== '0')
  }
}

const msOf = (pair: string | undefined, ms = 0): string => (pair === undefined ? '-1' : String(Math.ceil(ms)))

/** As a glob means it. */
const literally = (text: string): string => text.replace(/[\\*?[\]^]/g, '\\$&')

/** A reply of another form is no reply. */
function countedOf(value: unknown, tallies: number): readonly Counted[] | undefined {
  if (!Array.isArray(value) || value.length !== 2 * tallies) return undefined
  return Array.from({ length: tallies }, (_, i) => {
    const count = Number(value[2 * i])
    return { count: count < 0 ? undefined : count, limit: Number(value[2 * i + 1]) }
  })
}

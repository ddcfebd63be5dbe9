// The same facts for one process alone, in a bounded part of its memory.

import { answered } from './answer.js'
import type { Listener, StateStore } from './state-store.js'

/** More than these, and those that were set first are forgotten. */
const MOST_KEYS = 200_000

interface Fact {
  value: string
  readonly endsAt: number
}

export function createMemoryStore(now: () => number, mostKeys = MOST_KEYS): StateStore {
  const facts = new Map<string, Fact>()
  const listeners = new Map<string, Set<Listener>>()

  const find = (key: string): Fact | undefined => {
    const fact = facts.get(key)
    if (fact === undefined || fact.endsAt > now()) return fact
    facts.delete(key)
    return undefined
  }
  const put = (key: string, value: string, ttlMs: number) => {
    facts.delete(key)
    if (facts.size >= mostKeys) makeRoom()
    facts.set(key, { value, endsAt: now() + ttlMs })
  }
  /** The ended ones among the oldest; if there are none, the oldest one. */
  const makeRoom = () => {
    let looked = 0
    for (const [key, { endsAt }] of facts) {
      if (endsAt <= now()) facts.delete(key)
      if (++looked >= 16) break
    }
    const [oldest] = facts.keys()
    if (oldest !== undefined && facts.size >= mostKeys) facts.delete(oldest)
  }

  return {
    name: 'memory',
    isShared: false,
    isUp: () => true,
    get: async key => answered(find(key)?.value),
    set: async (key, value, ttlMs) => answered(put(key, value, ttlMs)),
    setIfAbsent: async (key, value, ttlMs) => {
      if (find(key)) return answered(false)
      put(key, value, ttlMs)
      return answered(true)
    },
    add: async (key, amount, ttlMs) => {
      const fact = find(key)
      if (!fact) put(key, String(amount), ttlMs)
      else fact.value = String(Number(fact.value) + amount)
      return answered(fact ? Number(fact.value) : amount)
    },
    delete: async keys => {
      for (const key of keys) facts.delete(key)
      return answered(undefined)
    },
    publish: async (channel, message) => {
      const heard = [...(listeners.get(channel) ?? [])]
      queueMicrotask(() => {
        for (const listener of heard) listener.heard(message)
      })
      return answered(heard.length)
    },
    subscribe: (channel, listener) => {
      const all = listeners.get(channel) ?? new Set()
      listeners.set(channel, all.add(listener))
      queueMicrotask(() => listener.connected?.())
      return () => {
        all.delete(listener)
      }
    },
    close: async () => {},
  }
}

// Shared state in Valkey or Redis: one connection asks, another listens.

import { createHash } from 'node:crypto'
import { type Answer, answered, mapAnswer } from './answer.js'
import type { Listener, StateStore, ValkeyCommands } from './state-store.js'
import { openValkeyLink, type RedisClient, type ValkeyLinkOptions } from './valkey-link.js'

export type ValkeyStoreOptions = Omit<ValkeyLinkOptions, 'onConnect' | 'heartbeatKey'> & {
  readonly prefix: string
}

/** A counter and its end in one step: one that a crash left without an end would count for ever. */
const ADD = `local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return value`

export function openValkeyStore({ prefix, onChange, onRefusal, ...options }: ValkeyStoreOptions): StateStore {
  const link = openValkeyLink({
    ...options,
    heartbeatKey: `${prefix}heartbeat`,
    ...(onChange && { onChange }),
    ...(onRefusal && { onRefusal }),
  })
  const ears = createEars(prefix, options)
  const keyOf = (key: string) => prefix + key
  const commands: ValkeyCommands = {
    keyOf,
    send: link.send,
    run: (script, keys, args) => run(link.send, script, keys, args),
  }
  const nothing = () => undefined

  return {
    name: options.location.name,
    isShared: true,
    commands,
    isUp: link.isUp,
    get: async key =>
      mapAnswer(await link.send(['GET', keyOf(key)]), value => (value === null ? undefined : String(value))),
    set: async (key, value, ttlMs) =>
      mapAnswer(await link.send(['SET', keyOf(key), value, 'PX', String(ttlMs)]), nothing),
    setIfAbsent: async (key, value, ttlMs) =>
      mapAnswer(
        await link.send(['SET', keyOf(key), value, 'PX', String(ttlMs), 'NX']),
        reply => reply !== null,
      ),
    add: async (key, amount, ttlMs) =>
      mapAnswer(await commands.run(ADD, [keyOf(key)], [String(amount), String(ttlMs)]), Number),
    delete: async keys =>
      keys.length === 0
        ? answered(undefined)
        : mapAnswer(await link.send(['DEL', ...keys.map(keyOf)]), nothing),
    publish: async (channel, message) =>
      mapAnswer(await afterStart(() => link.send(['PUBLISH', keyOf(channel), message])), Number),
    subscribe: ears.subscribe,
    close: async () => {
      await Promise.all([link.close(), ears.close()])
    },
  }

  /** A command line program publishes in its first moments: it waits for the first try to connect. */
  async function afterStart<T>(send: () => Promise<Answer<T>>): Promise<Answer<T>> {
    await link.tried
    return send()
  }
}

async function run(
  send: ValkeyCommands['send'],
  script: string,
  keys: readonly string[],
  args: readonly string[],
): Promise<Answer<unknown>> {
  const rest = [String(keys.length), ...keys, ...args]
  const known = await send(['EVALSHA', shaOf(script), ...rest])
  if (known.answered || !known.cause.message.startsWith('NOSCRIPT')) return known
  return send(['EVAL', script, ...rest])
}

const shas = new Map<string, string>()

function shaOf(script: string): string {
  const known = shas.get(script)
  if (known !== undefined) return known
  const sha = createHash('sha1').update(script).digest('hex')
  shas.set(script, sha)
  return sha
}

/** Connects when somebody first listens. */
function createEars(
  prefix: string,
  options: Omit<ValkeyLinkOptions, 'onConnect' | 'onChange' | 'onRefusal'>,
) {
  const listeners = new Map<string, Set<Listener>>()
  let client: RedisClient | undefined
  let link: ReturnType<typeof openValkeyLink> | undefined

  async function listen(mine: RedisClient): Promise<void> {
    for (const channel of listeners.keys()) await hear(mine, channel)
    client = mine
    for (const all of listeners.values()) for (const { connected } of all) connected?.()
  }
  const hear = (mine: RedisClient, channel: string) =>
    mine.subscribe(prefix + channel, message => {
      for (const listener of listeners.get(channel) ?? []) listener.heard(message)
    })

  return {
    subscribe(channel: string, listener: Listener): () => void {
      const all = listeners.get(channel) ?? new Set()
      const isNew = all.size === 0
      listeners.set(channel, all.add(listener))
      if (!link) link = openValkeyLink({ ...options, onConnect: listen })
      else if (isNew && client?.isReady) {
        hear(client, channel).then(
          () => listener.connected?.(),
          () => {},
        )
      }
      return () => {
        all.delete(listener)
      }
    },
    close: async () => link?.close(),
  }
}

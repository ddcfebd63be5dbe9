// Short-lived facts that several copies of the program may share, and a way to tell each other something at once.

import type { Answer } from './answer.js'

/**
 * Nothing here throws, and nothing waits longer than the store's deadline; while the store is known to be down every
 * answer comes at once. Whoever asks decides what no answer means: a login never waits for this.
 */
export interface StateStore {
  /** Without password: `memory`, `redis://valkey1:6379/0`. */
  readonly name: string
  /** Whether other copies see the same. */
  readonly isShared: boolean
  /** Whether it answered a moment ago. Memory always does. */
  isUp(): boolean
  get(key: string): Promise<Answer<string | undefined>>
  set(key: string, value: string, ttlMs: number): Promise<Answer<void>>
  /** Whether it was set: false leaves what is there. */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<Answer<boolean>>
  /** Adds to a counter and tells its new value; one that begins with this ends `ttlMs` later. */
  add(key: string, amount: number, ttlMs: number): Promise<Answer<number>>
  delete(keys: readonly string[]): Promise<Answer<void>>
  /** To everybody who has subscribed just now, this process too; how many heard it (in memory: here). */
  publish(channel: string, message: string): Promise<Answer<number>>
  /** Until the returned function is called. Messages that are sent while the store is down are lost. */
  subscribe(channel: string, listener: Listener): () => void
  /** Absent in memory. Calls that are made in one turn of the event loop travel together. */
  readonly commands?: ValkeyCommands
  close(): Promise<void>
}

export interface Listener {
  heard(message: string): void
  /** From now on messages are heard, again or for the first time; what was sent before may have been missed. */
  connected?(): void
}

/** Valkey's own words, for what the port does not say. */
export interface ValkeyCommands {
  /** The key as it stands in the store, with the prefix of this installation. */
  keyOf(key: string): string
  send(command: readonly string[]): Promise<Answer<unknown>>
  /** Runs a Lua script that the store knows or learns (EVALSHA, then EVAL). Keys as keyOf makes them. */
  run(script: string, keys: readonly string[], args: readonly string[]): Promise<Answer<unknown>>
}

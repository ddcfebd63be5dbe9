// Tells the other copies over the bus, at once, whom a committed change concerns. Whoever misses it reads it from the
// change table.

import type { StateStore } from '../state/state-store.js'
import { CHANGES_CHANNEL, formatBusMessage } from './bus-message.js'

const USERS_PER_MESSAGE = 500

/** Whether the bus took it; true where there is none. Never rejects, and waits no longer than the store does. */
export async function announceChanges(state: StateStore, users: readonly string[]): Promise<boolean> {
  if (!state.isShared) return true
  const messages: string[] = []
  for (let at = 0; at < users.length; at += USERS_PER_MESSAGE) {
    messages.push(formatBusMessage({ users: users.slice(at, at + USERS_PER_MESSAGE) }))
  }
  const answers = await Promise.all(messages.map(message => state.publish(CHANGES_CHANNEL, message)))
  return answers.every(({ answered }) => answered)
}

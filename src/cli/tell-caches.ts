// After a command has changed accounts: whoever caches them hears of it, at once.

import { announceChanges } from '../cache/announce-changes.js'
import type { HomingConfig } from '../config/program-schema.js'
import type { AccountChange } from '../database/record-change.js'
import type { Call } from './command.js'

export interface CacheTeller {
  /** To be told of every committed change. */
  changed(change: AccountChange): void
  /** Resolves when everybody has been told, or is known not to listen; says so on the terminal. Never rejects. */
  finish(): Promise<void>
}

/** With more users than these Dovecot forgets everybody. */
const MOST_USERS = 2000

/** Connects at once to what is configured, so that a change is told in the moment it is made. */
export async function openCacheTeller(call: Call, { settings }: HomingConfig): Promise<CacheTeller> {
  const { terminal, json } = call
  const state = settings.valkey_url === '' ? undefined : await openSharedState()
  const announcements: Promise<boolean>[] = []
  let users = new Set<string>()
  let isEverybody = false

  async function openSharedState() {
    const { openState } = await import('../state/open-state.js')
    return openState(settings)
  }

  async function finishBus(): Promise<void> {
    const taken = await Promise.all(announcements)
    if (taken.includes(false)) {
      terminal.complain(
        `warning: ${state?.name} does not answer: other copies read the change from the database, within ` +
          `${settings.auth_cache_poll_interval} ms or so`,
      )
    }
    await state?.close()
  }

  async function finishDovecots(): Promise<void> {
    if (settings.doveadm_urls.length === 0 || (users.size === 0 && !isEverybody)) return
    const { openDovecotCaches } = await import('../dovecot/dovecot-caches.js')
    for (const flushed of await openDovecotCaches(settings).flush([...users])) {
      const { name } = flushed
      if (!flushed.confirmed) {
        terminal.complain(`warning: ${name} goes on with what its auth cache has: ${flushed.reason}`)
      } else if (!json) await terminal.print(`flushed in ${name}\n`)
    }
  }

  return {
    changed: change => {
      if (state) announcements.push(announceChanges(state, change.users))
      if (isEverybody) return
      for (const user of change.users) users.add(user)
      if (users.size <= MOST_USERS) return
      isEverybody = true
      users = new Set()
    },
    finish: async () => {
      await Promise.all([finishBus(), finishDovecots()])
    },
  }
}

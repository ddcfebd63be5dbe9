// The store that the settings ask for: Valkey or Redis when they name one, this process's memory otherwise.

import { readFileSync } from 'node:fs'
import { systemClock } from '../model/clock.js'
import { ConfigError } from '../model/config-error.js'
import { createMemoryStore } from './memory-store.js'
import type { StateSettings } from './state-settings.js'
import type { StateStore } from './state-store.js'
import { parseValkeyUrl } from './valkey-url.js'

export interface StateDeps {
  /** Told when the store stops to answer, when it answers again, and once a minute of commands that it refuses. */
  readonly warn?: (message: string) => void
}

/** Connects in the background: a store that is down keeps nobody from starting. Throws ConfigError for a bad URL. */
export async function openState(settings: StateSettings, { warn }: StateDeps = {}): Promise<StateStore> {
  if (settings.valkey_url === '') return createMemoryStore(systemClock.now)
  const location = parseValkeyUrl(settings.valkey_url)
  if ('wrong' in location) throw new ConfigError(`valkey_url: ${location.wrong}`)
  const ca = settings.valkey_tls_ca_file === '' ? undefined : readCa(settings.valkey_tls_ca_file)
  // Loaded only where it is used: the package takes longer than most commands do.
  const { openValkeyStore } = await import('./valkey-store.js')
  return openValkeyStore({
    location,
    password: settings.valkey_password || undefined,
    ca,
    connectTimeoutMs: settings.valkey_connect_timeout,
    commandTimeoutMs: settings.valkey_timeout,
    prefix: settings.valkey_prefix,
    onChange: (isUp, cause) =>
      warn?.(
        isUp
          ? `${location.name} answers`
          : `${location.name} does not answer: ${cause?.message ?? 'unknown cause'}`,
      ),
    onRefusal: onceAMinute(({ message }) => warn?.(`${location.name} refuses a command: ${message}`)),
  })
}

/** A server without memory refuses the commands of every login. */
function onceAMinute(say: (cause: Error) => void): (cause: Error) => void {
  let saidAt = Number.NEGATIVE_INFINITY
  return cause => {
    const now = systemClock.now()
    if (now - saidAt < 60_000) return
    saidAt = now
    say(cause)
  }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(`valkey_tls_ca_file: cannot read ${file}: ${(cause as Error).message}`)
  }
}

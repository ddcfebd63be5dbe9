// What each setting cannot know by itself: mistakes and dangers that lie between settings. Opens nothing.

import { findChainFaults } from './check-chain.js'
import { findDatabaseFaults } from './check-databases.js'
import type { Config, ConfigSchema } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import { isLoopback, parseListenAddress } from './listen-address.js'
import { type PlacedSetting, placedSettings } from './placed-setting.js'
import { FLAG } from './setting-sources.js'
import { holdsPassword } from './url-password.js'

export interface Findings {
  /** With these the service does not start. */
  readonly problems: readonly ConfigProblem[]
  /** It starts, and `config check` tells the operator. */
  readonly warnings: readonly ConfigProblem[]
}

export interface Surroundings {
  /** The configuration file, when everybody on this machine can read it. */
  readonly worldReadable: string | undefined
}

/** Everything there is to say about the settings together. */
export function checkConfig(config: Config, schema: ConfigSchema, surroundings: Surroundings): Findings {
  const placed = placedSettings(config, schema)
  const chain = findChainFaults(config)
  return {
    problems: [
      ...wrongAddresses(config),
      ...openListeners(config),
      ...secretsInFlags(placed),
      ...chain.problems,
      ...findDatabaseFaults(placed),
    ],
    warnings: [...chain.warnings, ...readableSecrets(placed, surroundings), ...tinyCache(config)],
  }
}

function wrongAddresses({ settings, origins }: Config): ConfigProblem[] {
  const { listen = [] } = settings as { listen?: readonly string[] }
  const source = origins.get('listen')?.source ?? 'configuration'
  if (listen.length === 0) {
    return [{ source, key: 'listen', wrong: 'there is no address to answer on', right: '["127.0.0.1:8080"]' }]
  }
  return listen.flatMap(text => {
    const parsed = parseListenAddress(text)
    return 'wrong' in parsed ? { source, key: 'listen', ...parsed } : []
  })
}

/** Whoever reaches a listener can try passwords and read where users' mail is. */
function openListeners({ settings, origins }: Config): ConfigProblem[] {
  const { listen, api_token } = settings as { listen?: readonly string[]; api_token?: string }
  if (api_token !== '') return []
  const source = origins.get('listen')?.source ?? 'configuration'
  return (listen ?? []).flatMap(text => {
    const parsed = parseListenAddress(text)
    if (!('address' in parsed) || isLoopback(parsed.address)) return []
    return {
      source,
      key: 'listen',
      wrong: `${text} is open to other machines, and no API token is set`,
      right:
        'HOMING_API_TOKEN_FILE=/path/to/token with a random token in it, or an address like 127.0.0.1:8080',
    }
  })
}

/** argv is no secret: every user of the machine can list it. */
function secretsInFlags(placed: readonly PlacedSetting[]): ConfigProblem[] {
  return placed.flatMap(({ key, kind, value, origin }) => {
    if (!origin?.source.startsWith(FLAG) || origin.secretFile || !isSecret(kind, value)) return []
    const wrong = 'everybody on this machine can read a command line, and a password stands in it'
    return { source: origin.source, key, wrong, right: `${lastWord(key)}_file=/path/to/secret` }
  })
}

function readableSecrets(placed: readonly PlacedSetting[], { worldReadable }: Surroundings): ConfigProblem[] {
  return placed.flatMap(({ key, kind, value, origin }) => {
    if (!origin || !isSecret(kind, value)) return []
    const file = origin.secretFile?.worldReadable
      ? origin.secretFile.path
      : origin.secretFile === undefined && origin.source === worldReadable
        ? worldReadable
        : undefined
    if (file === undefined) return []
    const wrong = `everybody on this machine can read ${file}, and a password stands in it`
    return { source: origin.source, key, wrong, right: `chmod o= ${file}, or ${lastWord(key)}_file` }
  })
}

function isSecret(kind: string, value: unknown): boolean {
  if (typeof value !== 'string' || value === '') return false
  return kind === 'secret' || (kind === 'url' && holdsPassword(value))
}

function lastWord(key: string): string {
  return key.slice(key.lastIndexOf(' ') + 1)
}

// An entry is its key and its fields: with less than this, a cache forgets a user before the next login.
const SMALL_CACHE_BYTES = 64 * 1024

/** The guide says `auth_cache_size = 4096` and means 4 MiB or so. */
function tinyCache({ settings, origins }: Config): ConfigProblem[] {
  const bytes = (settings as { auth_cache_size?: number }).auth_cache_size ?? 0
  const origin = origins.get('auth_cache_size')
  if (!origin || bytes === 0 || bytes >= SMALL_CACHE_BYTES) return []
  const wrong = `the cache has ${bytes} bytes, room for a few dozen users at most`
  return [{ source: origin.source, key: 'auth_cache_size', wrong, right: '"16M" for some 25,000 users' }]
}

// What each setting cannot know by itself: mistakes and dangers that lie between settings. Opens nothing.

import { holdsPassword } from '../model/url-password.js'
import { doors } from '../protocols/http/doors.js'
import { findChainFaults } from './check-chain.js'
import { findDatabaseFaults } from './check-databases.js'
import { findDictFaults } from './check-dict.js'
import { findMasterFaults } from './check-masters.js'
import { asksForCertificates, findTlsFaults, findTlsWarnings } from './check-tls.js'
import type { Config, ConfigSchema } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import { isLoopback, parseListenAddress } from './listen-address.js'
import { type PlacedSetting, placedSettings } from './placed-setting.js'
import { FLAG } from './setting-sources.js'

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
  const masters = findMasterFaults(config)
  return {
    problems: [
      ...noAddress(config),
      ...wrongAddresses(config),
      ...openListeners(config),
      ...findDictFaults(config),
      ...secretsInFlags(placed),
      ...chain.problems,
      ...masters.problems,
      ...findDatabaseFaults(placed),
      ...findTlsFaults(config),
    ],
    warnings: [
      ...chain.warnings,
      ...masters.warnings,
      ...readableSecrets(placed, surroundings),
      ...tinyCache(config),
      ...findTlsWarnings(config),
    ],
  }
}

function wrongAddresses(config: Config): ConfigProblem[] {
  return doors.flatMap(({ listenSetting: key }) => {
    const source = sourceOf(config, key)
    return addressesOf(config, key).flatMap(text => {
      const parsed = parseListenAddress(text)
      return 'wrong' in parsed ? { source, key, ...parsed } : []
    })
  })
}

/** The other doors are closed unless somebody wants them; without this one nobody can be answered. */
function noAddress(config: Config): ConfigProblem[] {
  const source = sourceOf(config, 'listen')
  if (addressesOf(config, 'listen').length > 0) return []
  return [{ source, key: 'listen', wrong: 'there is no address to answer on', right: '["127.0.0.1:8080"]' }]
}

/** Whoever reaches a listener can try passwords and read where users' mail is. */
function openListeners(config: Config): ConfigProblem[] {
  return doors.flatMap(({ listenSetting: key, secretSettings, needsSecretOnLoopback }) => {
    if (secretSettings.some(secret => isSet(config.settings[secret]))) return []
    if (asksForCertificates(config, key)) return []
    const source = sourceOf(config, key)
    const secret = String(secretSettings[0])
    return addressesOf(config, key).flatMap(text => {
      const parsed = parseListenAddress(text)
      if (!('address' in parsed) || parsed.address.kind === 'unix') return []
      const isLocal = isLoopback(parsed.address)
      if (isLocal && !needsSecretOnLoopback) return []
      const safe = needsSecretOnLoopback ? 'unix:/run/homing/admin.sock' : '127.0.0.1:8080'
      return {
        source,
        key,
        wrong: `${text} is open to ${isLocal ? 'everybody on this machine' : 'other machines'}, and no ${secret} is set`,
        right: `HOMING_${secret.toUpperCase()}_FILE=/path/to/secret with a random one in it, or an address like ${safe}`,
      }
    })
  })
}

function addressesOf({ settings }: Config, key: string): readonly string[] {
  return (settings[key] as readonly string[] | undefined) ?? []
}

function sourceOf({ origins }: Config, key: string): string {
  return origins.get(key)?.source ?? 'configuration'
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
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

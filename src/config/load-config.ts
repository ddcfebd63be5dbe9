// File, environment and flags → Config, or every mistake at once.

import { existsSync } from 'node:fs'
import type { TObject } from 'typebox'
import { declarationOf } from '../model/setting.js'
import { passdbSettings, userdbSettings } from './chain-settings.js'
import { checkConfig } from './check-config.js'
import type { Config, ConfigSchema, WrittenChain } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import { type ChainKey, type MergedSources, mergeSources, type RawSettings } from './merge-sources.js'
import { bareAsText } from './raw-value.js'
import { readChain } from './read-chain.js'
import { hasFile, readSettings } from './read-settings.js'
import {
  presetSource,
  readConfigFile,
  readCredentials,
  readEnvironment,
  readFlags,
  type SettingSource,
} from './setting-sources.js'

/** Where to look. */
export interface ConfigSources {
  /** `--config`; it must be there. Absent: HOMING_CONFIG, else ./homing.toml if it is there. */
  readonly file?: string | undefined
  readonly environment: NodeJS.ProcessEnv
  /** `key=value`, one for each `--set`. */
  readonly flags?: readonly string[]
}

export type LoadedConfig<S extends TObject> =
  | { readonly config: Config<S>; readonly warnings: readonly ConfigProblem[] }
  | { readonly problems: readonly ConfigProblem[]; readonly warnings: readonly ConfigProblem[] }

export const DEFAULT_FILE = 'homing.toml'

/** Reads and checks everything; opens no database and no socket. */
export function loadConfig<S extends TObject>(
  schema: ConfigSchema<S>,
  { file, environment, flags = [] }: ConfigSources,
): LoadedConfig<S> {
  const path = file ?? environment.HOMING_CONFIG ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined)
  const fileSource = path === undefined ? undefined : readConfigFile(path)
  const sources: SettingSource[] = [
    ...(fileSource ? [fileSource] : []),
    readCredentials(environment, path => isSecret(path, schema)),
    readEnvironment(environment),
    readFlags(flags),
  ]
  const defaults = { passdb: schema.defaultPassdbs, userdb: schema.defaultUserdbs }
  const merged = mergeWithPreset(schema, sources, defaults)
  const { config, problems } = readConfig(schema, merged, defaults)
  const worldReadable = path !== undefined && fileSource?.worldReadable ? path : undefined
  const findings = checkConfig(config, schema, { worldReadable })
  const all = [...problems, ...findings.problems]
  return all.length === 0
    ? { config, warnings: findings.warnings }
    : { problems: all, warnings: findings.warnings }
}

/** The last word on `preset` decides what stands beneath all of them. */
function mergeWithPreset(
  { presets = {} }: ConfigSchema,
  sources: readonly SettingSource[],
  defaults: Readonly<Record<ChainKey, WrittenChain>>,
): MergedSources {
  const merged = mergeSources(sources, defaults)
  const written = merged.plain.get('preset')?.raw
  const name = written?.form === 'bare' ? bareAsText(written.text) : written?.value
  const preset = typeof name === 'string' && Object.hasOwn(presets, name) ? presets[name] : undefined
  return preset ? mergeSources([presetSource(String(name), preset), ...sources], defaults) : merged
}

/** Whether a path (`api_token`, `passdb.local.database_url`) names a setting that may be read from a file. */
function isSecret(path: readonly string[], schema: ConfigSchema): boolean {
  const [first = '', ...rest] = path
  const key = path.at(-1) ?? ''
  const drivers = { passdb: schema.passdbDrivers, userdb: schema.userdbDrivers }
  if (rest.length === 0) return mayComeFromFile(schema.settings, key)
  if (rest.length !== 2 || !Object.hasOwn(drivers, first)) return false
  return Object.values(drivers[first as keyof typeof drivers]).some(({ options }) =>
    mayComeFromFile(options, key),
  )
}

function mayComeFromFile({ properties }: TObject, key: string): boolean {
  const property = Object.hasOwn(properties, key) ? properties[key] : undefined
  return property !== undefined && hasFile(declarationOf(property))
}

function readConfig<S extends TObject>(
  schema: ConfigSchema<S>,
  merged: MergedSources,
  defaults: Readonly<Record<ChainKey, WrittenChain>>,
): { config: Config<S>; problems: ConfigProblem[] } {
  const chain = (key: ChainKey): readonly RawSettings[] => merged.chains[key] ?? written(defaults[key])
  const general = readSettings(schema.settings, merged.plain, {
    prefix: '',
    explainUnknown: key => explainTopLevel(key, schema),
  })
  const passdbs = readChain(
    { key: 'passdb', common: passdbSettings, drivers: schema.passdbDrivers },
    chain('passdb'),
  )
  const userdbs = readChain(
    { key: 'userdb', common: userdbSettings, drivers: schema.userdbDrivers },
    chain('userdb'),
  )
  const { values, origins } = general
  return {
    config: { settings: values, origins, passdbs: passdbs.links, userdbs: userdbs.links },
    problems: [...merged.problems, ...general.problems, ...passdbs.problems, ...userdbs.problems],
  }
}

/** A default chain is read like a written one, but nothing in it counts as written down. */
function written(chain: WrittenChain): RawSettings[] {
  return chain.map(
    link =>
      new Map(
        Object.entries(link).map(([key, value]) => [
          key,
          { raw: { form: 'toml' as const, value }, source: DEFAULTS, layer: -1 },
        ]),
      ),
  )
}

export const DEFAULTS = 'defaults'

/** In TOML a setting after a `[[passdb]]` belongs to that passdb, and one before it to the program. */
function explainTopLevel(key: string, schema: ConfigSchema): string | undefined {
  const groups = [passdbSettings, userdbSettings, ...driverOptions(schema)]
  return groups.some(group => Object.hasOwn(group.properties, key))
    ? `${key} belongs into a [[passdb]] or [[userdb]]`
    : undefined
}

function driverOptions({ passdbDrivers, userdbDrivers }: ConfigSchema): TObject[] {
  return [...Object.values(passdbDrivers), ...Object.values(userdbDrivers)].map(({ options }) => options)
}

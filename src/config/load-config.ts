// File, environment and flags → Config, or every mistake at once.

import { existsSync } from 'node:fs'
import type { TObject } from 'typebox'
import { passdbSettings, userdbSettings } from './chain-settings.js'
import { checkConfig } from './check-config.js'
import type { Config, ConfigSchema, WrittenChain } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import { type ChainKey, type MergedSources, mergeSources, type RawSettings } from './merge-sources.js'
import { readChain } from './read-chain.js'
import { readSettings } from './read-settings.js'
import { readConfigFile, readEnvironment, readFlags, type SettingSource } from './setting-sources.js'

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
  const sources: SettingSource[] = [readEnvironment(environment), readFlags(flags)]
  if (fileSource) sources.unshift(fileSource)

  const defaults = { passdb: schema.defaultPassdbs, userdb: schema.defaultUserdbs }
  const merged = mergeSources(sources, defaults)
  const { config, problems } = readConfig(schema, merged, defaults)
  const worldReadable = path !== undefined && fileSource?.worldReadable ? path : undefined
  const findings = checkConfig(config, schema, { worldReadable })
  const all = [...problems, ...findings.problems]
  return all.length === 0
    ? { config, warnings: findings.warnings }
    : { problems: all, warnings: findings.warnings }
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

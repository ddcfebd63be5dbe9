// The configuration as doveconf prints one: valid TOML that loads again, with the secrets left out.

import { stringify } from 'smol-toml'
import type { TObject, TSchema } from 'typebox'
import { declarationOf, type SettingDeclaration, text } from '../model/setting.js'
import { formatTimeInterval } from '../model/time-interval.js'
import { holdsPassword, withoutPassword } from '../model/url-password.js'
import { formatByteSize } from './byte-size.js'
import { passdbSettings, userdbSettings } from './chain-settings.js'
import type { Config, ConfigSchema } from './config.js'
import { DEFAULTS } from './load-config.js'
import type { ChainLink, DriverTable } from './read-chain.js'
import { HIDDEN, type SettingOrigin } from './read-settings.js'
import { readValue } from './read-value.js'
import { PRESET } from './setting-sources.js'

export interface DumpOptions {
  /** Only what differs from the defaults, like `doveconf -n`. */
  readonly nonDefault: boolean
}

/** One setting ready to be printed. */
interface Printed {
  readonly key: string
  readonly declaration: SettingDeclaration
  /** As it would be written in the file. */
  readonly value: unknown
  /** Why the value is not the one in use. */
  readonly hidden?: 'password' | 'secret'
  /** The preset that it comes from. */
  readonly preset?: string
}

/** The settings as TOML, each with its sentence unless only the non-default ones are wanted. */
export function dumpConfig(config: Config, schema: ConfigSchema, options: DumpOptions): string {
  const { general, passdb, userdb } = printedConfig(config, schema, options)
  const lines = general.flatMap(setting => printSetting(setting, options))
  // An empty array is a plain setting and must stand before the first table.
  if (passdb?.length === 0) lines.push('passdb = []')
  if (userdb?.length === 0) lines.push('userdb = []')
  for (const link of passdb ?? []) lines.push(...printLink('passdb', link, options))
  for (const link of userdb ?? []) lines.push(...printLink('userdb', link, options))
  return lines.map(line => `${line}\n`).join('')
}

/** The same as data; a secret is `<hidden>`. */
export function dumpConfigAsJson(
  config: Config,
  schema: ConfigSchema,
  options: DumpOptions,
): Record<string, unknown> {
  const { general, passdb, userdb } = printedConfig(config, schema, options)
  return {
    ...asObject(general),
    ...(passdb ? { passdb: passdb.map(asObject) } : {}),
    ...(userdb ? { userdb: userdb.map(asObject) } : {}),
  }
}

function asObject(printed: readonly Printed[]): Record<string, unknown> {
  return Object.fromEntries(
    printed.map(({ key, value, hidden }) => [key, hidden === 'secret' ? HIDDEN : value]),
  )
}

function printedConfig(config: Config, schema: ConfigSchema, options: DumpOptions) {
  const chain = (links: readonly ChainLink<unknown>[], common: TObject, drivers: DriverTable) =>
    options.nonDefault && links.length > 0 && links.every(isDefaultLink)
      ? undefined
      : links.map(link => printedLink(link, common, drivers, options))
  return {
    general: printedGroup(schema.settings, config.settings, config.origins, options),
    passdb: chain(config.passdbs, passdbSettings, schema.passdbDrivers),
    userdb: chain(config.userdbs, userdbSettings, schema.userdbDrivers),
  }
}

function isDefaultLink({ origins }: ChainLink<unknown>): boolean {
  return [...origins.values()].every(({ source }) => source === DEFAULTS)
}

const linkHead = { name: text('The name in logs and traces.'), driver: text('The driver.') }

function printedLink(
  link: ChainLink<unknown>,
  common: TObject,
  drivers: DriverTable,
  options: DumpOptions,
): Printed[] {
  const { name: _, ...rest } = common.properties as Record<string, TSchema>
  const own = drivers[link.driver]?.options.properties as Record<string, TSchema> | undefined
  const head = Object.entries(linkHead).map(([key, schema]) => ({
    key,
    declaration: declarationOf(schema),
    value: link[key as keyof typeof linkHead],
  }))
  const values = { ...(link.settings as object), ...(link.options as object) }
  const group = { properties: { ...rest, ...own } } as unknown as TObject
  return [...head, ...printedGroup(group, values, link.origins, options)]
}

function printedGroup(
  group: TObject,
  values: object,
  origins: ReadonlyMap<string, SettingOrigin>,
  { nonDefault }: DumpOptions,
): Printed[] {
  const entries = Object.entries(group.properties as Record<string, TSchema>)
  return entries.flatMap(([key, property]) => {
    const declaration = declarationOf(property)
    const value = (values as Record<string, unknown>)[key]
    if (nonDefault && isDefault(value, declaration)) return []
    const origin = origins.get(key)
    const preset = origin?.source.startsWith(`${PRESET} `) ? { preset: origin.source } : {}
    return { ...printedSetting(key, declaration, value, origin), ...preset }
  })
}

function printedSetting(
  key: string,
  declaration: SettingDeclaration,
  value: unknown,
  origin: SettingOrigin | undefined,
): Printed {
  if (origin?.secretFile) return { key: `${key}_file`, declaration, value: origin.secretFile.path }
  if (declaration.kind === 'secret' && value !== '') return { key, declaration, value: '', hidden: 'secret' }
  const url = declaration.kind === 'url' ? String(value) : ''
  if (holdsPassword(url)) return { key, declaration, value: withoutPassword(url), hidden: 'password' }
  return { key, declaration, value: asWritten(value, declaration) }
}

function asWritten(value: unknown, { kind }: SettingDeclaration): unknown {
  if (kind === 'time') return formatTimeInterval(Number(value))
  return kind === 'size' ? formatByteSize(Number(value)) : value
}

function isDefault(value: unknown, declaration: SettingDeclaration): boolean {
  if (declaration.default === undefined) return false
  const { check: _, ...unchecked } = declaration
  const reading = readValue({ form: 'toml', value: declaration.default }, unchecked)
  return 'value' in reading && JSON.stringify(reading.value) === JSON.stringify(value)
}

function printLink(chain: string, link: readonly Printed[], options: DumpOptions): string[] {
  return ['', `[[${chain}]]`, ...link.flatMap(setting => printSetting(setting, options))]
}

function printSetting(
  { key, declaration, value, hidden, preset }: Printed,
  { nonDefault }: DumpOptions,
): string[] {
  const again = declaration.reloads ? ' [read again at SIGHUP]' : ''
  const described = nonDefault ? [] : [`# ${declaration.description}${again}`]
  const comment = preset === undefined ? described : [...described, `# from ${preset}`]
  if (hidden === 'secret') return [...comment, `# ${key} is set and not shown`]
  const note = hidden === 'password' ? ['# its password is not shown'] : []
  return [...comment, ...note, `${key} = ${tomlValue(value)}`]
}

function tomlValue(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return tomlEntry('value', value)
  const entries = Object.entries(value).map(([name, entry]) => stringify({ [name]: entry }).trim())
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

/** What stands behind `key = `. */
function tomlEntry(key: string, value: unknown): string {
  return stringify({ [key]: value })
    .trim()
    .slice(`${key} = `.length)
}

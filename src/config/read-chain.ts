// Reads the `[[passdb]]` or `[[userdb]]` tables: what all of them have, and what each one's driver declares.

import type { Static, TObject, TSchema } from 'typebox'
import { settings as settingGroup, text } from '../model/setting.js'
import type { ConfigProblem } from './config-problem.js'
import type { ChainKey, RawSettings } from './merge-sources.js'
import { nearestName } from './nearest-name.js'
import type { RawSetting } from './raw-value.js'
import { anySource, readSettings, type SettingOrigin } from './read-settings.js'
import { readValue } from './read-value.js'

/** What this folder needs of a driver table: passdb/drivers.ts and userdb/drivers.ts have more. */
export type DriverTable = Readonly<Record<string, { readonly options: TObject }>>

/** One link of a chain. */
export interface ChainLink<S> {
  readonly name: string
  readonly driver: string
  /** What every link has. */
  readonly settings: S
  /** What the driver declares; its `open` knows the type. */
  readonly options: unknown
  readonly origins: ReadonlyMap<string, SettingOrigin>
}

export interface ReadChain<S> {
  readonly links: readonly ChainLink<S>[]
  readonly problems: readonly ConfigProblem[]
}

/** What a chain is read against. */
export interface ChainSchema<C extends TObject> {
  readonly key: ChainKey
  readonly common: C
  readonly drivers: DriverTable
}

/** The links in their order. A link whose driver is unknown is a problem and no link. */
export function readChain<C extends TObject>(
  schema: ChainSchema<C>,
  blocks: readonly RawSettings[],
): ReadChain<Static<C>> {
  const problems: ConfigProblem[] = []
  const links: ChainLink<Static<C>>[] = []
  blocks.forEach((block, place) => {
    const read = readLink(schema, block, place)
    problems.push(...read.problems)
    if (read.link) links.push(read.link)
  })
  return { links, problems: [...problems, ...sameNames(schema.key, blocks, links)] }
}

const driverSetting = text('The driver.')

function readLink<C extends TObject>(
  schema: ChainSchema<C>,
  block: RawSettings,
  place: number,
): { link?: ChainLink<Static<C>>; problems: ConfigProblem[] } {
  const label = `${schema.key} ${plainText(block.get('name')) || plainText(block.get('driver')) || place + 1}`
  const found = findDriver(schema, block, label)
  if ('problem' in found) return { problems: [found.problem] }

  const { common, drivers } = schema
  const options = drivers[found.driver]?.options ?? settingGroup({})
  const all = settingGroup({ driver: driverSetting, ...common.properties, ...options.properties })
  const read = readSettings(all, block, {
    prefix: `${label}: `,
    explainUnknown: key => otherDrivers(key, found.driver, drivers),
  })
  const values = read.values as Record<string, unknown>
  const name = values.name === '' ? found.driver : String(values.name)
  const link = {
    name,
    driver: found.driver,
    settings: { ...pick(values, common), name } as Static<C>,
    options: pick(values, options),
    origins: read.origins,
  }
  return { link, problems: [...read.problems] }
}

function plainText(setting: RawSetting | undefined): string {
  const reading = setting ? readValue(setting.raw, { kind: 'text', description: '' }) : { value: '' }
  return 'value' in reading ? String(reading.value) : ''
}

function findDriver(
  { key, drivers }: ChainSchema<TObject>,
  block: RawSettings,
  label: string,
): { driver: string } | { problem: ConfigProblem } {
  const written = block.get('driver')
  const driver = plainText(written)
  if (Object.hasOwn(drivers, driver)) return { driver }

  const known = Object.keys(drivers)
  const nearest = nearestName(driver, known)
  const list = `the drivers are ${known.join(', ')}`
  const source = written?.source ?? anySource(block)
  const wrong = written ? `unknown driver "${driver}"` : `this ${key} has no driver`
  return {
    problem: { source, key: label, wrong, right: nearest ? `did you mean ${nearest}? ${list}` : list },
  }
}

/** A setting that another driver has was meant for that one. */
function otherDrivers(key: string, driver: string, drivers: DriverTable): string | undefined {
  const owners = Object.keys(drivers).filter(name =>
    Object.hasOwn(drivers[name]?.options.properties ?? {}, key),
  )
  return owners.length === 0
    ? undefined
    : `${key} is a setting of driver ${owners.join(', ')}, not of ${driver}`
}

function pick(values: Record<string, unknown>, { properties }: TObject): Record<string, unknown> {
  const names = Object.keys(properties as Record<string, TSchema>)
  return Object.fromEntries(names.map(name => [name, values[name]]))
}

function sameNames(
  key: ChainKey,
  blocks: readonly RawSettings[],
  links: readonly ChainLink<unknown>[],
): ConfigProblem[] {
  const names = links.map(link => link.name)
  const twice = new Set(names.filter((name, place) => names.indexOf(name) !== place))
  const source = anySource(blocks[0] ?? new Map())
  return [...twice].map(name => ({
    source,
    key,
    wrong: `more than one is named "${name}"`,
    right: 'a name of its own for each',
  }))
}

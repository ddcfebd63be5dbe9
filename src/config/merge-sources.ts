// Lays the sources upon each other: defaults < file < environment < flags.

import type { ConfigProblem } from './config-problem.js'
import { bareAsValue, type RawSetting, type RawValue } from './raw-value.js'
import type { Assignment, SettingSource } from './setting-sources.js'

/** The settings of the program or of one `[[passdb]]`: key → the last word on it. */
export type RawSettings = ReadonlyMap<string, RawSetting>

/** The array tables of the configuration. */
export const chainKeys = ['passdb', 'userdb'] as const
export type ChainKey = (typeof chainKeys)[number]

export interface MergedSources {
  readonly plain: RawSettings
  /** A chain that nobody wrote down is absent: the default one holds. */
  readonly chains: Readonly<Partial<Record<ChainKey, readonly RawSettings[]>>>
  readonly problems: readonly ConfigProblem[]
}

type Blocks = Map<string, RawSetting>[]

/**
 * Merges in the order given; a later source wins. `defaultChains` are what `passdb.NAME.key` of a later source
 * changes where no earlier one wrote a chain.
 */
export function mergeSources(
  sources: readonly SettingSource[],
  defaultChains: Readonly<Record<ChainKey, readonly Readonly<Record<string, unknown>>[]>>,
): MergedSources {
  const problems = sources.flatMap(source => source.problems)
  const plain = new Map<string, RawSetting>()
  const chains: Partial<Record<ChainKey, Blocks>> = {}

  sources.forEach((source, layer) => {
    // A whole chain first, then changes to its links, in whatever order they were written.
    const ordered = [...source.assignments].sort((a, b) => a.path.length - b.path.length)
    for (const assignment of ordered) {
      const [key = '', ...rest] = assignment.path
      if (!isChainKey(key)) {
        assign(plain, assignment.path, assignment, layer)
      } else if (rest.length === 0) {
        chains[key] = readChain(key, assignment, layer, problems)
      } else {
        chains[key] ??= defaultChains[key].map(block => blockOf(block, 'defaults', -1))
        assignToLink(chains[key], assignment, layer, problems)
      }
    }
  })
  return { plain, chains, problems }
}

function isChainKey(key: string): key is ChainKey {
  return (chainKeys as readonly string[]).includes(key)
}

/** Sets a key, or one entry of a table: `columns.user`. */
function assign(
  target: Map<string, RawSetting>,
  path: readonly string[],
  { raw, source }: Assignment,
  layer: number,
): void {
  const [key = '', ...rest] = path
  if (rest.length === 0) {
    target.set(key, { raw, source, layer })
    return
  }
  const before = target.get(key)?.raw
  const entry = raw.form === 'bare' ? bareAsValue(raw.text) : raw.value
  const value = { ...tableOf(before), [rest.join('.')]: entry }
  target.set(key, { raw: { form: 'toml', value }, source, layer })
}

function tableOf(raw: RawValue | undefined): object {
  const value = raw?.form === 'bare' ? bareAsValue(raw.text) : raw?.value
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

function readChain(
  key: ChainKey,
  { raw, source }: Assignment,
  layer: number,
  problems: ConfigProblem[],
): Blocks {
  const value = raw.form === 'bare' ? bareAsValue(raw.text) : raw.value
  if (Array.isArray(value) && value.every(isTable)) return value.map(block => blockOf(block, source, layer))
  problems.push({
    source,
    key,
    wrong: 'this is not a list of tables',
    right: `one [[${key}]] with name and driver for each`,
  })
  return []
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function blockOf(
  table: Readonly<Record<string, unknown>>,
  source: string,
  layer: number,
): Map<string, RawSetting> {
  const entries = Object.entries(table).map(
    ([key, value]) => [key, { raw: { form: 'toml' as const, value }, source, layer }] as const,
  )
  return new Map(entries)
}

/** `passdb.local.table` or `passdb.1.table`: the link is found by its name, or by its place counted from 0. */
function assignToLink(chain: Blocks, assignment: Assignment, layer: number, problems: ConfigProblem[]): void {
  const [key = '', wanted = '', ...path] = assignment.path
  const named = chain.find(block => plainName(nameOf(block)) === plainName(wanted))
  const link = named ?? (/^[0-9]+$/.test(wanted) ? chain[Number(wanted)] : undefined)
  if (link && path.length > 0) {
    assign(link, path, assignment, layer)
    return
  }
  const names = chain.map((block, place) => nameOf(block) || String(place)).join(', ')
  problems.push({
    source: assignment.source,
    key: assignment.path.join('.'),
    wrong: link ? 'no setting is named' : `there is no ${key} "${wanted}"`,
    right: `${key}.NAME.setting, where NAME is one of ${names}`,
  })
}

function nameOf(block: RawSettings): string {
  const raw = (block.get('name') ?? block.get('driver'))?.raw
  return raw?.form === 'toml' && typeof raw.value === 'string' ? raw.value : ''
}

/** Environment variables know neither small letters nor hyphens. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '_')
}

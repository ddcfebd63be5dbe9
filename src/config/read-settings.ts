// Reads one group of settings: the program's own, or those of one link of a chain.

import type { Static, TObject, TSchema } from 'typebox'
import { declarationOf, type SettingDeclaration } from '../model/setting.js'
import type { ConfigProblem } from './config-problem.js'
import type { RawSettings } from './merge-sources.js'
import { nearestName } from './nearest-name.js'
import type { RawSetting } from './raw-value.js'
import { type Reading, readValue } from './read-value.js'
import { readSecretFile } from './secret-file.js'

/** Where a setting that is not a default came from. */
export interface SettingOrigin {
  readonly source: string
  /** Set when the value was read from a file of its own. */
  readonly secretFile?: { readonly path: string; readonly worldReadable: boolean }
}

export interface ReadSettings<S extends TObject = TObject> {
  /** Complete when there are no problems; a setting with a mistake has its default here. */
  readonly values: Static<S>
  /** Of every setting that was written down. */
  readonly origins: ReadonlyMap<string, SettingOrigin>
  readonly problems: readonly ConfigProblem[]
}

/** What reading needs to know of the surroundings. */
export interface ReadingContext {
  /** What stands before a key in messages: `passdb local: `, or nothing. */
  readonly prefix: string
  /** Why an unknown key may have been written, when something better than the nearest name is known. */
  readonly explainUnknown?: (key: string) => string | undefined
}

/** Reads what was written against what is declared. Every mistake is found, not the first only. */
export function readSettings<S extends TObject>(
  schema: S,
  written: RawSettings,
  context: ReadingContext,
): ReadSettings<S> {
  const declared = Object.entries(schema.properties as Record<string, TSchema>)
  const spellings = spellingsOf(declared)
  const values: [string, unknown][] = []
  const origins = new Map<string, SettingOrigin>()
  const problems = unknownKeys(written, spellings, context)

  for (const [key, property] of declared) {
    const declaration = declarationOf(property)
    const found = lastWord(key, declaration, written, context.prefix)
    problems.push(...found.problems)
    const reading = found.setting ? readOne(found.setting, declaration) : readDefault(declaration)
    if ('wrong' in reading) {
      problems.push({
        source: found.setting?.source ?? anySource(written),
        key: `${context.prefix}${found.setting?.key ?? key}`,
        wrong: reading.wrong,
        ...(reading.right === undefined ? {} : { right: reading.right }),
      })
    } else if (found.setting) {
      const { secretFile } = reading
      origins.set(key, { source: found.setting.source, ...(secretFile ? { secretFile } : {}) })
    }
    values.push([key, 'wrong' in reading ? fallback(declaration) : reading.value])
  }
  return { values: Object.fromEntries(values) as Static<S>, origins, problems }
}

/** Where something that is missing should have stood. */
export function anySource(written: RawSettings): string {
  return [...written.values()][0]?.source ?? 'configuration'
}

const FILE_SUFFIX = '_file'

/** Whether a setting may also be given as `<key>_file`. */
export function hasFile({ kind }: SettingDeclaration): boolean {
  return kind === 'secret' || kind === 'url'
}

/** Every key that may be written for a setting. */
function spellingsOfOne(key: string, declaration: SettingDeclaration): string[] {
  const names = [key, ...(declaration.aliases ?? [])]
  return hasFile(declaration) ? [...names, ...names.map(name => name + FILE_SUFFIX)] : names
}

function spellingsOf(declared: [string, TSchema][]): string[] {
  return declared.flatMap(([key, property]) => spellingsOfOne(key, declarationOf(property)))
}

function unknownKeys(
  written: RawSettings,
  known: readonly string[],
  { prefix, explainUnknown }: ReadingContext,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [key, { source }] of written) {
    if (known.includes(key)) continue
    const nearest = nearestName(key, known)
    const right = explainUnknown?.(key) ?? (nearest && `did you mean ${nearest}?`)
    problems.push({ source, key: `${prefix}${key}`, wrong: 'unknown setting', ...(right ? { right } : {}) })
  }
  return problems
}

type WrittenSetting = RawSetting & { readonly key: string; readonly fromFile: boolean }

/** The spelling that the highest layer used. Two spellings in one layer contradict each other. */
function lastWord(
  key: string,
  declaration: SettingDeclaration,
  written: RawSettings,
  prefix: string,
): { setting?: WrittenSetting; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = []
  let setting: WrittenSetting | undefined
  for (const spelling of spellingsOfOne(key, declaration)) {
    const raw = written.get(spelling)
    if (!raw || (setting && raw.layer < setting.layer)) continue
    if (setting?.layer === raw.layer) {
      const wrong = `${setting.key} and ${spelling} are the same setting, and both are given`
      problems.push({ source: raw.source, key: `${prefix}${spelling}`, wrong, right: 'one of them' })
    }
    const fromFile = hasFile(declaration) && spelling.endsWith(FILE_SUFFIX)
    setting = { ...raw, key: spelling, fromFile }
  }
  return setting ? { setting, problems } : { problems }
}

type SettingReading = Reading & { readonly secretFile?: NonNullable<SettingOrigin['secretFile']> }

function readOne(setting: WrittenSetting, declaration: SettingDeclaration): SettingReading {
  if (!setting.fromFile) return refusePlaceholder(readValue(setting.raw, declaration), declaration)
  const path = readValue(setting.raw, { kind: 'text', description: '' })
  if ('wrong' in path) return path
  const file = readSecretFile(String(path.value))
  if ('wrong' in file) return file
  const reading = readValue({ form: 'toml', value: file.secret }, declaration)
  return { ...reading, secretFile: { path: String(path.value), worldReadable: file.worldReadable } }
}

/** What `config dump` prints in place of a secret. */
export const HIDDEN = '<hidden>'

function refusePlaceholder(reading: Reading, declaration: SettingDeclaration): Reading {
  const hidden = hasFile(declaration) && 'value' in reading && String(reading.value).includes(HIDDEN)
  return hidden ? { wrong: `${HIDDEN} stands in place of the secret`, right: 'the secret itself' } : reading
}

function readDefault(declaration: SettingDeclaration): SettingReading {
  if (declaration.default === undefined) {
    return { wrong: 'this setting must be given', right: declaration.example ?? declaration.description }
  }
  return { value: fallback(declaration) }
}

/** The default as a value, unchecked: what a declaration says of itself holds. */
function fallback(declaration: SettingDeclaration): unknown {
  if (declaration.default === undefined) return undefined
  const { check: _, ...unchecked } = declaration
  const reading = readValue({ form: 'toml', value: declaration.default }, unchecked)
  if ('wrong' in reading) throw new TypeError(`the default of "${declaration.description}": ${reading.wrong}`)
  return reading.value
}

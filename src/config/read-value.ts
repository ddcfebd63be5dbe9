// Turns what an operator wrote into the value a setting declares, or says what is wrong and what would be right.

import type { SettingDeclaration, SettingKind } from '../model/setting.js'
import { formatTimeInterval, parseTimeInterval } from '../model/time-interval.js'
import { formatByteSize, parseByteSize } from './byte-size.js'
import { bareAsText, bareAsValue, type RawValue } from './raw-value.js'

export type Reading<T = unknown> =
  | { readonly value: T }
  | { readonly wrong: string; readonly right?: string | undefined }

interface Kind {
  /** Of text in quotes or without. */
  readonly fromText: (text: string, declaration: SettingDeclaration) => Reading
  /** Of what TOML calls a number, a boolean, an array or a table; absent: only text will do. */
  readonly fromValue?: (value: unknown, declaration: SettingDeclaration) => Reading
  /** What a value of this kind looks like, when the declaration has no example of its own. */
  readonly example: string
}

const kinds: Readonly<Record<SettingKind, Kind>> = {
  text: { fromText: text => ({ value: text }), example: 'a text in quotes' },
  secret: { fromText: text => ({ value: text }), example: 'a text in quotes' },
  url: { fromText: text => ({ value: text }), example: 'a URL in quotes' },
  time: { fromText: readTime, fromValue: readNumber, example: '"30 secs"' },
  size: { fromText: readSize, fromValue: readNumber, example: '"16M"' },
  'yes-no': { fromText: readYesNo, fromValue: readBoolean, example: 'true or false' },
  'whole-number': { fromText: readDigits, fromValue: readWholeNumber, example: 'a whole number' },
  choice: { fromText: readChoice, example: 'one word in quotes' },
  words: { fromText: readWords, fromValue: readArray, example: '["one", "two"]' },
  table: {
    fromText: () => ({ wrong: 'this is a text and not a table' }),
    fromValue: readTable,
    example: '{ name = "value" }',
  },
}

/** The value. Nothing of a secret stands in what is wrong. */
export function readValue(raw: RawValue, declaration: SettingDeclaration): Reading {
  const kind = kinds[declaration.kind]
  const reading = readAs(kind, raw, declaration)
  if ('wrong' in reading) {
    return { wrong: reading.wrong, right: reading.right ?? declaration.example ?? kind.example }
  }
  const check = declaration.check as ((value: unknown) => string | undefined) | undefined
  const wrong = check?.(reading.value)
  return wrong === undefined ? reading : { wrong, right: declaration.example }
}

function readAs(kind: Kind, raw: RawValue, declaration: SettingDeclaration): Reading {
  if (raw.form === 'bare' && !kind.fromValue) return kind.fromText(bareAsText(raw.text), declaration)
  const value = raw.form === 'bare' ? bareAsValue(raw.text) : raw.value
  if (typeof value === 'string') return kind.fromText(value, declaration)
  return kind.fromValue?.(value, declaration) ?? { wrong: `this is ${nameOf(value)} and not a text` }
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Date) return 'a date'
  return typeof value === 'object' ? 'a table' : `a ${typeof value}`
}

function readTime(text: string, declaration: SettingDeclaration): Reading {
  const parsed = parseTimeInterval(text)
  return 'ms' in parsed ? withinBounds(parsed.ms, declaration, formatTimeInterval) : parsed
}

function readSize(text: string, declaration: SettingDeclaration): Reading {
  const parsed = parseByteSize(text)
  return 'bytes' in parsed ? withinBounds(parsed.bytes, declaration, formatByteSize) : parsed
}

/** A bare number is read as its text, so that the rules about units are the same. */
function readNumber(value: unknown, declaration: SettingDeclaration): Reading {
  if (typeof value !== 'number') return { wrong: `this is ${nameOf(value)}` }
  return kinds[declaration.kind].fromText(String(value), declaration)
}

const yesAndNo: Readonly<Record<string, boolean>> = { yes: true, true: true, no: false, false: false }

function readYesNo(text: string): Reading {
  const word = text.toLowerCase()
  const value = Object.hasOwn(yesAndNo, word) ? yesAndNo[word] : undefined
  return value === undefined ? { wrong: `"${text}" is neither yes nor no` } : { value }
}

function readBoolean(value: unknown): Reading {
  return typeof value === 'boolean' ? { value } : { wrong: `this is ${nameOf(value)}` }
}

function readDigits(text: string, declaration: SettingDeclaration): Reading {
  return /^-?[0-9]+$/.test(text)
    ? readWholeNumber(Number(text), declaration)
    : { wrong: `"${text}" is not a whole number` }
}

function readWholeNumber(value: unknown, declaration: SettingDeclaration): Reading {
  if (!Number.isSafeInteger(value)) {
    return {
      wrong: typeof value === 'number' ? `${value} is not a whole number` : `this is ${nameOf(value)}`,
    }
  }
  return withinBounds(value as number, declaration, String)
}

function withinBounds(
  value: number,
  { minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: SettingDeclaration,
  format: (value: number) => string,
): Reading {
  if (value < minimum)
    return { wrong: `${format(value)} is too little`, right: `at least ${format(minimum)}` }
  if (value > maximum) return { wrong: `${format(value)} is too much`, right: `at most ${format(maximum)}` }
  return { value }
}

function readChoice(text: string, { choices = [], hints = {} }: SettingDeclaration): Reading {
  if (choices.includes(text)) return { value: text }
  const right = Object.hasOwn(hints, text) ? hints[text] : `one of ${choices.join(', ')}`
  return { wrong: `unknown value "${text}"`, right }
}

/** Dovecot's lists: split at spaces and commas. */
function readWords(text: string): Reading {
  return { value: text.split(/[\s,]+/).filter(word => word !== '') }
}

function readArray(value: unknown): Reading {
  if (!Array.isArray(value)) return { wrong: `this is ${nameOf(value)} and not a list` }
  const odd = value.find(word => typeof word !== 'string')
  return odd === undefined
    ? { value }
    : { wrong: `the list holds ${nameOf(odd)}, and only texts belong in it` }
}

/** Numbers become text and true becomes "yes", as Dovecot's Lua does it. A false is refused: Dovecot reads it as true. */
function readTable(value: unknown): Reading {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) {
    return { wrong: `this is ${nameOf(value)} and not a table` }
  }
  const entries: [string, string][] = []
  for (const [name, entry] of Object.entries(value)) {
    if (entry === false)
      return { wrong: `${name} = false`, right: `no ${name} at all: its presence means yes` }
    if (entry !== true && typeof entry !== 'string' && typeof entry !== 'number') {
      return { wrong: `${name} is ${nameOf(entry)}`, right: `${name} = "text"` }
    }
    entries.push([name, entry === true ? 'yes' : String(entry)])
  }
  return { value: Object.fromEntries(entries) }
}

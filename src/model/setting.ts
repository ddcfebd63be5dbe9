// How a setting is declared: its type, its default, and the sentence `homing config dump` prints beside it.
// Whoever needs a setting declares it here-wise in its own file; config/load-config.ts reads them all.

// The schemas have typebox's types and are made by hand: loading the package takes longer than everything else that
// a command does.

import type { TObject, TSchema, TUnsafe } from 'typebox'

/** What a setting's text means; config/read-value.ts turns the text into the value. */
export type SettingKind =
  | 'text'
  | 'secret'
  | 'url'
  | 'time'
  | 'size'
  | 'yes-no'
  | 'whole-number'
  | 'choice'
  | 'words'
  | 'table'

/** What goes with every kind of setting, all of it optional. */
export interface SettingRules<T> {
  /** Other names that are read as this setting: what it is called in one of Dovecot's versions. */
  readonly aliases?: readonly string[]
  /** What people write by mistake → what would be right. */
  readonly hints?: Readonly<Record<string, string>>
  /** What is wrong with a value that has the right type, as half a sentence; undefined when nothing is. */
  readonly check?: (value: T) => string | undefined
  /** An example of a right value, for error messages. */
  readonly example?: string
  /** A running service takes a new value up at SIGHUP; whoever uses the setting reads it when it is needed. */
  readonly reloads?: boolean
}

/** What a schema carries under the keyword `homing`. */
export interface SettingDeclaration<T = never> extends SettingRules<T> {
  readonly kind: SettingKind
  /** In the form an operator would write it; absent: the setting must be given. */
  readonly default?: unknown
  readonly description: string
  readonly choices?: readonly string[]
  /** Bounds of a whole number, a time in milliseconds, or a size in bytes; both included. */
  readonly minimum?: number
  readonly maximum?: number
}

export interface Bounds {
  readonly minimum: number
  readonly maximum: number
}

function declare<T>(declaration: SettingDeclaration<T>): TUnsafe<T> {
  return { homing: declaration } as unknown as TUnsafe<T>
}

/** What was declared with one of the functions below. Throws for a schema that was not: that is a bug. */
export function declarationOf(schema: TSchema): SettingDeclaration {
  const { homing } = schema as { homing?: SettingDeclaration }
  if (!homing) throw new TypeError('a setting must be declared with the functions of model/setting.ts')
  return homing
}

/** Any text. */
export const text = (description: string, defaultValue?: string, rules: SettingRules<string> = {}) =>
  declare<string>({ kind: 'text', description, ...withDefault(defaultValue), ...rules })

/** Text that is never printed; also read from the file that `<key>_file` names. Empty: not set. */
export const secret = (description: string, rules: SettingRules<string> = {}) =>
  declare<string>({ kind: 'secret', description, default: '', ...rules })

/** A URL whose password is never printed; also read from the file that `<key>_file` names. */
export const url = (description: string, defaultValue: string, rules: SettingRules<string> = {}) =>
  declare<string>({ kind: 'url', description, default: defaultValue, ...rules })

/** The longest time a timer of Node can wait: 2^31 - 1 ms, more than 24 days. A longer one would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A duration in Dovecot's grammar (`"5 mins"`); the value is in milliseconds, and a timer can wait for it. */
export const time = (
  description: string,
  defaultValue: string,
  rules: SettingRules<number> & Partial<Bounds> = {},
) =>
  declare<number>({ kind: 'time', description, default: defaultValue, maximum: LONGEST_TIMER_MS, ...rules })

/** A size in Dovecot's grammar (`"16M"`); the value is in bytes. */
export const size = (
  description: string,
  defaultValue: string,
  rules: SettingRules<number> & Partial<Bounds> = {},
) => declare<number>({ kind: 'size', description, default: defaultValue, ...rules })

/** `true` or `false`; Dovecot's `yes` and `no` are read too. */
export const yesNo = (description: string, defaultValue: boolean, rules: SettingRules<boolean> = {}) =>
  declare<boolean>({ kind: 'yes-no', description, default: defaultValue, ...rules })

/** A whole number within the bounds, both included. */
export const wholeNumber = (
  description: string,
  defaultValue: number,
  bounds: Bounds,
  rules: SettingRules<number> = {},
) => declare<number>({ kind: 'whole-number', description, default: defaultValue, ...bounds, ...rules })

/** One of the given words. */
export const choice = <const W extends string>(
  description: string,
  choices: readonly W[],
  defaultValue?: W,
  rules: SettingRules<W> = {},
) => declare<W>({ kind: 'choice', description, choices, ...withDefault(defaultValue), ...rules })

/** A list of words: a TOML array of strings, or one string split at spaces and commas as Dovecot does. */
export const words = (
  description: string,
  defaultValue: readonly string[] = [],
  rules: SettingRules<readonly string[]> = {},
) => declare<readonly string[]>({ kind: 'words', description, default: defaultValue, ...rules })

/** A TOML table of name → text (`columns`, `fields`); numbers become text. */
export const table = (
  description: string,
  defaultValue: Readonly<Record<string, string>> = {},
  rules: SettingRules<Readonly<Record<string, string>>> = {},
) =>
  declare<Readonly<Record<string, string>>>({ kind: 'table', description, default: defaultValue, ...rules })

/** A group of settings. */
export const settings = <P extends Record<string, TSchema>>(properties: P): TObject<P> =>
  ({ type: 'object', required: Object.keys(properties), properties }) as unknown as TObject<P>

function withDefault<T>(value: T | undefined): { default?: T } {
  return value === undefined ? {} : { default: value }
}

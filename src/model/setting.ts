// How a setting is declared: its type, its default, and the sentence `homing config dump` prints beside it.
// Whoever needs a setting declares it here-wise in its own file; config/load-config.ts reads them all.

import { type TObject, type TSchema, Type } from 'typebox'

/** What a setting's text means; load-config.ts turns the text into the value. */
export type SettingKind =
  | 'text'
  | 'secret'
  | 'time'
  | 'size'
  | 'yes-no'
  | 'whole-number'
  | 'choice'
  | 'words'
  | 'table'

/** The keyword under which a schema carries its kind and default. */
export interface SettingDeclaration {
  readonly kind: SettingKind
  /** In the form an operator would write it; absent: the setting must be given. */
  readonly default?: unknown
  readonly description: string
  readonly choices?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

function declare<T>(declaration: SettingDeclaration) {
  return Type.Unsafe<T>({ homing: declaration })
}

/** Any text. */
export const text = (description: string, defaultValue?: string) =>
  declare<string>({ kind: 'text', description, ...withDefault(defaultValue) })

/** Text that is never printed; also read from the file that `<key>_file` names. Empty: not set. */
export const secret = (description: string) => declare<string>({ kind: 'secret', description, default: '' })

/** A duration in Dovecot's grammar (`"5 mins"`); the value is in milliseconds. */
export const time = (description: string, defaultValue: string) =>
  declare<number>({ kind: 'time', description, default: defaultValue })

/** A size in Dovecot's grammar (`"16M"`); the value is in bytes. */
export const size = (description: string, defaultValue: string) =>
  declare<number>({ kind: 'size', description, default: defaultValue })

/** `true` or `false`; Dovecot's `yes` and `no` are read too. */
export const yesNo = (description: string, defaultValue: boolean) =>
  declare<boolean>({ kind: 'yes-no', description, default: defaultValue })

/** A whole number within the bounds, both included. */
export const wholeNumber = (
  description: string,
  defaultValue: number,
  bounds: { minimum: number; maximum: number },
) => declare<number>({ kind: 'whole-number', description, default: defaultValue, ...bounds })

/** One of the given words. */
export const choice = <const W extends string>(
  description: string,
  choices: readonly W[],
  defaultValue?: W,
) => declare<W>({ kind: 'choice', description, choices, ...withDefault(defaultValue) })

/** A list of words: a TOML array of strings, or one string split at spaces and commas as Dovecot does. */
export const words = (description: string, defaultValue: readonly string[] = []) =>
  declare<readonly string[]>({ kind: 'words', description, default: defaultValue })

/** A TOML table of name → text (`columns`, `fields`); numbers and booleans become text. */
export const table = (description: string, defaultValue: Readonly<Record<string, string>> = {}) =>
  declare<Readonly<Record<string, string>>>({ kind: 'table', description, default: defaultValue })

/** A group of settings. */
export const settings = <P extends Record<string, TSchema>>(properties: P): TObject<P> =>
  Type.Object(properties)

function withDefault<T>(value: T | undefined): { default?: T } {
  return value === undefined ? {} : { default: value }
}

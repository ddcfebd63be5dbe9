// From texts (a line of an import, the body of a request) to the account that is stored, or what is wrong with them.

import type { BulkAccount } from '../database/bulk-accounts.js'
import { storedPasswordProblem } from '../database/stored-password-problem.js'
import type { UsernameRules } from '../model/username.js'
import { tooFastToGuess, whyUnreadable } from '../password/hash-strength.js'
import { type AccountColumn, type AccountValues, columnsByName } from './account-columns.js'
import type { AccountKind } from './account-kinds.js'

/** Column → text, `user` and `password` (a hash with its {SCHEME}) among them. */
export type AccountTexts = ReadonlyMap<string, string>

export type ReadAccount = (
  texts: AccountTexts,
) => { readonly account: BulkAccount } | { readonly wrong: string }

/** Reads whole accounts, by the rules that the options of `add` have. */
export function accountReader(kind: AccountKind, rules: UsernameRules): ReadAccount {
  return texts => {
    const name = rules.normalise(texts.get('user') ?? '')
    if ('refused' in name) return { wrong: `can be no user: ${name.refused}` }
    const read = readFields(kind, texts)
    if ('wrong' in read) return read
    const { values } = read
    const missing = kind.required.find(option => (values[columnOf(kind, option)] ?? '') === '')
    if (missing !== undefined) return { wrong: `has no ${missing}` }
    const wrong = kind.check(values)
    if (wrong !== undefined) return { wrong: wrong.replace(/^--/, '') }
    if (!texts.has('password') && !kind.passwordIsOptional) return { wrong: 'has no password' }
    return { account: { user: name.user, values } }
  }
}

/** Reads what is there, without asking whether it is enough. */
export function readFields(
  kind: AccountKind,
  texts: AccountTexts,
): { readonly values: AccountValues } | { readonly wrong: string } {
  const values = readValues(texts, columnsByName(kind.columns))
  if (typeof values === 'string') return { wrong: values }
  const text = texts.get('password')
  if (text === undefined) return { values }
  const password = readHash(text, kind.passwordIsOptional)
  if ('wrong' in password) return password
  const fault = kind.needsSlowHash && password.stored ? tooFastToGuess(password.stored) : undefined
  if (fault !== undefined) return { wrong: `has a hash that cannot be used: ${fault}` }
  return { values: { ...values, password: password.stored } }
}

const columnOf = ({ columns }: AccountKind, option: string): string => columns[option]?.column ?? option

function readValues(
  texts: ReadonlyMap<string, string>,
  columns: ReadonlyMap<string, AccountColumn>,
): AccountValues | string {
  const values: Record<string, string | number | null> = {}
  for (const [name, text] of texts) {
    const column = columns.get(name)
    if (column === undefined) continue
    const read = column.read(text)
    if ('value' in read) values[name] = read.value
    // An empty cell of a column that cannot be empty: the default.
    else if (text !== '') return `${name}: ${read.wrong}`
  }
  return values
}

/** A clear password is never taken for a hash, nor the other way round: only what says what it is is stored. */
function readHash(
  text: string,
  isOptional: boolean,
): { readonly stored: string | null } | { readonly wrong: string } {
  if (text === '') return isOptional ? { stored: null } : { wrong: 'has no password' }
  const stored = /^\$[0-9a-zA-Z]+\$/.test(text) ? `{CRYPT}${text}` : text
  if (!stored.startsWith('{')) return { wrong: 'has a password without {SCHEME}' }
  const reason = storedPasswordProblem(stored) ?? whyUnreadable(stored)
  return reason === undefined ? { stored } : { wrong: `has a hash that cannot be used: ${reason}` }
}

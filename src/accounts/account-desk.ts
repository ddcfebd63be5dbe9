// What an administrator's program asks: accounts of each kind, shown, written and listed.

import type { Account, Accounts, AccountTableName } from '../database/accounts.js'
import type { TermsOutcome, WriteTerms } from '../database/write-terms.js'
import { Password } from '../model/password.js'
import type { UsernameRules } from '../model/username.js'
import { type GeneratePasswordOptions, generatePassword } from '../password/generate-password.js'
import { importableColumns } from './account-columns.js'
import type { AccountKind } from './account-kinds.js'
import { type AccountTexts, accountReader, readFields } from './read-account.js'

export type DeskRefusal =
  /** What was sent cannot be stored; `busy`: its password was not hashed in time. */
  | { readonly refused: 'wrong' | 'busy'; readonly why: string }
  | { readonly refused: 'not_found' | 'exists' | 'several' | TermsOutcome }

export type Shown = { readonly account: Account } | DeskRefusal

/** Everything rejects with a DatabaseError when the database does not do it; nothing is half done. */
export interface AccountDesk {
  show(user: string): Promise<Shown>
  add(texts: AccountTexts, terms: WriteTerms): Promise<Shown>
  /** Only what is named changes. */
  change(user: string, texts: AccountTexts, terms: WriteTerms): Promise<Shown>
  delete(user: string, terms: WriteTerms): Promise<{ readonly deleted: string } | DeskRefusal>
  list(mask: string): AsyncIterable<string>
}

export function createAccountDesk(
  kind: AccountKind,
  rules: UsernameRules,
  accounts: Accounts<AccountTableName>,
  compute: NonNullable<GeneratePasswordOptions['compute']>,
): AccountDesk {
  const read = accountReader(kind, rules)

  /** A name that no user can have belongs to nobody. */
  const named = async <R>(user: string, use: (name: string) => Promise<R>): Promise<R | DeskRefusal> => {
    const name = rules.normalise(user)
    return 'user' in name ? use(name.user) : { refused: 'not_found' }
  }
  const shown = async (user: string): Promise<Shown> => {
    const account = await accounts.show(user)
    return typeof account === 'string' ? { refused: account } : { account }
  }

  return {
    show: user => named(user, shown),
    add: async (given, terms) => {
      const texts = await prepared(kind, given, compute)
      if ('refused' in texts) return texts
      const wanted = read(texts)
      if ('wrong' in wanted) return { refused: 'wrong', why: wanted.wrong }
      const { user, values } = wanted.account
      const outcome = await accounts.add(user, values, terms)
      return outcome === 'added' ? shown(user) : { refused: outcome }
    },
    change: (user, given, terms) =>
      named(user, async name => {
        const texts = await prepared(kind, given, compute)
        if ('refused' in texts) return texts
        if (texts.has('user')) return { refused: 'wrong' as const, why: 'a name cannot be changed' }
        const fields = readFields(kind, texts)
        if ('wrong' in fields) return { refused: 'wrong' as const, why: fields.wrong }
        const before = await accounts.show(name)
        if (typeof before === 'string') return { refused: before }
        const wrong = kind.check({ ...before.values, ...fields.values })
        if (wrong !== undefined) return { refused: 'wrong' as const, why: wrong.replace(/^--/, '') }
        const outcome = await accounts.set(name, fields.values, terms)
        return outcome === 'changed' ? shown(name) : { refused: outcome }
      }),
    delete: (user, terms) =>
      named(user, async name => {
        const outcome = await accounts.delete(name, terms)
        return outcome === 'deleted' ? { deleted: name } : { refused: outcome }
      }),
    list: mask => accounts.list(mask),
  }
}

/** A password in clear, hashed before it is stored. */
const CLEAR = 'clear_password'
const SCHEME = 'SHA512-CRYPT'

/** The texts with a hash in the place of a clear password, or what is wrong with them. */
async function prepared(
  kind: AccountKind,
  texts: AccountTexts,
  compute: NonNullable<GeneratePasswordOptions['compute']>,
): Promise<AccountTexts | DeskRefusal> {
  const known = importableColumns(kind.columns)
  const unknown = [...texts.keys()].find(name => !known.has(name) && name !== CLEAR)
  if (unknown !== undefined) return wrong(`there is no column ${unknown.slice(0, 64)}`)
  const clear = texts.get(CLEAR)
  if (clear === undefined) return texts
  if (texts.has('password')) return wrong(`password and ${CLEAR} contradict each other`)
  if (clear === '') return wrong(`${CLEAR} is empty`)
  const made = await generatePassword(SCHEME, new Password(clear), { compute })
  if ('refused' in made) return made.isBusy ? { refused: 'busy', why: made.refused } : wrong(made.refused)
  const others = [...texts].filter(([name]) => name !== CLEAR)
  return new Map([...others, ['password', made.stored]])
}

const wrong = (why: string): DeskRefusal => ({ refused: 'wrong', why })

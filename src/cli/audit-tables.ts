// Reads every password of some tables once, and says what they are: never what they hold.

import { type HashStrength, strengthClass, strengthOf } from '../password/hash-strength.js'
import type { PasswordSettings } from '../password/password-settings.js'
import { withDefaultScheme } from '../password/stored-password.js'
import { limitsOf } from '../password/verify-password.js'
import type { AuditedTable } from './audited-tables.js'
import { type CountedHash, HashCensus, type WeakAccount, WeakestAccounts } from './hash-census.js'
import { progressBar } from './progress-bar.js'
import type { Terminal } from './terminal.js'

/** In the words of `homing hash-audit --json`. */
export interface HashAudit {
  readonly tables: readonly TableAudit[]
  readonly weakest: readonly WeakAccount[]
  /** Of master passdbs: too fast to guess for accounts that open all others. */
  readonly weak_masters: readonly WeakAccount[]
  /** What a login could not read either; empty when each was printed as it was found. */
  readonly unreadable: readonly UnreadablePassword[]
  /** How many more there are than `unreadable` lists. */
  readonly unreadable_left_out: number
}

export interface TableAudit {
  readonly database: string
  readonly table: string
  readonly passdb: string
  readonly accounts: number
  readonly unreadable: number
  readonly hashes: readonly CountedHash[]
}

/** `reason` holds nothing of the stored value. */
export interface UnreadablePassword {
  readonly table: string
  readonly user: string
  readonly reason: string
}

export interface AuditOptions {
  /** How many of the weakest accounts to name. */
  readonly weakest: number
  readonly settings: PasswordSettings
  readonly terminal: Pick<Terminal, 'progress'>
  /** Takes each unreadable one as it is found; without it they are listed in the result, up to a limit. */
  readonly printUnreadable?: (found: UnreadablePassword) => Promise<void>
}

const LISTED_LIMIT = 10_000

/** Throws DatabaseError when a database breaks off. */
export async function auditTables(
  tables: readonly AuditedTable[],
  options: AuditOptions,
): Promise<HashAudit> {
  const weakest = new WeakestAccounts(options.weakest)
  const unreadable: UnreadablePassword[] = []
  let leftOut = 0
  const found = async (password: UnreadablePassword) => {
    if (options.printUnreadable) await options.printUnreadable(password)
    else if (unreadable.length < LISTED_LIMIT) unreadable.push(password)
    else leftOut++
  }
  const audits: TableAudit[] = []
  const weakMasters: WeakAccount[] = []
  for (const table of tables) {
    const see = (user: string, { class: hardness, scheme, cost }: HashStrength) => {
      if (table.isMaster && hardness < strengthClass.rounds && weakMasters.length < LISTED_LIMIT)
        weakMasters.push({ table: table.table, user, scheme, cost })
    }
    audits.push(await auditTable(table, weakest, see, found, options))
  }
  return {
    tables: audits,
    weakest: weakest.accounts,
    weak_masters: weakMasters,
    unreadable,
    unreadable_left_out: leftOut,
  }
}

async function auditTable(
  { database, table, passdb, defaultScheme, accounts }: AuditedTable,
  weakest: WeakestAccounts,
  see: (user: string, strength: HashStrength) => void,
  found: (password: UnreadablePassword) => Promise<void>,
  { settings, terminal }: AuditOptions,
): Promise<TableAudit> {
  const limits = limitsOf(settings)
  const census = new HashCensus()
  const bar = progressBar(terminal, table, await accounts.count())
  let seen = 0
  let unreadable = 0
  try {
    for await (const { user, stored } of accounts.passwords()) {
      bar.show(++seen)
      const domain = domainOf(user)
      if (stored === '') {
        census.count(domain, 'no password')
        continue
      }
      const strength = strengthOf(withDefaultScheme(stored, defaultScheme), limits)
      if (strength.kind === 'strength') {
        census.count(domain, strength)
        weakest.see(table, user, strength)
        see(user, strength)
      } else {
        unreadable++
        census.count(domain, 'unreadable')
        bar.hide()
        await found({ table, user, reason: strength.reason })
      }
    }
  } finally {
    bar.hide()
  }
  return { database, table, passdb, accounts: seen, unreadable, hashes: census.kinds }
}

const domainOf = (user: string): string => {
  const at = user.indexOf('@')
  return at < 0 ? '' : user.slice(at + 1)
}

// One import: lines in, batches out, and what became of each line.

import type { AccountKind } from '../accounts/account-kinds.js'
import { accountReader, type ReadAccount } from '../accounts/read-account.js'
import type { Accounts, AccountTableName } from '../database/accounts.js'
import {
  BULK_ROWS,
  type BulkAccount,
  type BulkOutcome,
  type ExistingMode,
} from '../database/bulk-accounts.js'
import { DatabaseError } from '../database/database-error.js'
import type { UsernameRules } from '../model/username.js'
import type { ImportLine } from './import-lines.js'

export interface ImportTotals {
  added: number
  updated: number
  skipped: number
  refused: number
}

export interface ImportRunOptions {
  readonly kind: AccountKind
  readonly accounts: Pick<Accounts<AccountTableName>, 'importBatch'>
  readonly rules: UsernameRules
  readonly existing: ExistingMode
  readonly dryRun: boolean
  /** Under which name the progress is kept; undefined: it is not. */
  readonly source: string | undefined
  /** Lines up to this one are passed over. */
  readonly doneBefore: number
  readonly refused: (line: number, user: string | undefined, why: string) => Promise<void>
}

type Outcome = BulkOutcome | { readonly wrong: string }

const words: Partial<Record<BulkOutcome, string>> = {
  exists: 'is there already',
  several: 'has more than one row',
}

export class ImportRun {
  readonly totals: ImportTotals = { added: 0, updated: 0, skipped: 0, refused: 0 }
  readonly #options: ImportRunOptions
  readonly #recordOf: ReadAccount
  /** Name → line and account, of the batch that is being filled. */
  #batch = new Map<string, { readonly line: number; readonly account: BulkAccount }>()
  /** What a dry run undid it cannot find again. */
  readonly #checked = new Set<string>()
  #lastLine: number
  #storedUpTo: number
  #isFinished = false

  constructor(options: ImportRunOptions) {
    this.#options = options
    this.#recordOf = accountReader(options.kind, options.rules)
    this.#lastLine = options.doneBefore
    this.#storedUpTo = options.doneBefore
  }

  /** The last line up to which everything is stored or refused for good. */
  get storedUpTo(): number {
    return this.#storedUpTo
  }

  get isFinished(): boolean {
    return this.#isFinished
  }

  /** Refuses the line or puts it into the batch, and stores a batch that is full. Rejects when the database fails. */
  async take(line: ImportLine): Promise<void> {
    if (line.line <= this.#options.doneBefore) return
    const record = 'wrong' in line ? line : this.#recordOf(line.texts)
    if ('wrong' in record) {
      await this.#refuse(line.line, 'texts' in line ? line.texts.get('user') : line.user, record.wrong)
    } else if (this.#isRepeated(record.account.user)) {
      await this.#refuse(line.line, record.account.user, 'stands in an earlier line too')
    } else {
      // The second line of a user must find what the first has stored.
      if (this.#batch.has(record.account.user)) await this.#store()
      this.#batch.set(record.account.user, { line: line.line, account: record.account })
    }
    this.#lastLine = line.line
    if (this.#batch.size >= BULK_ROWS) await this.#store()
  }

  /** Stores what is left; the same file may be imported anew from its beginning. */
  async finish(): Promise<void> {
    await this.#store()
    if (this.#options.source !== undefined) await this.#send([], 0)
    this.#isFinished = true
  }

  #isRepeated(user: string): boolean {
    if (!this.#options.dryRun) return false
    const before = this.#checked.size
    return this.#checked.add(user).size === before && this.#options.existing === 'refuse'
  }

  async #store(): Promise<void> {
    const lines = [...this.#batch.values()]
    this.#batch = new Map()
    const outcomes = await this.#sendOrSplit(
      lines.map(({ account }) => account),
      this.#lastLine,
    )
    this.#storedUpTo = this.#lastLine
    for (const [place, outcome] of outcomes.entries()) {
      const { line = 0, account } = lines[place] ?? {}
      const why = typeof outcome === 'string' ? words[outcome] : outcome.wrong
      if (why !== undefined) await this.#refuse(line, account?.user, why)
      else if (outcome === 'added' || outcome === 'updated' || outcome === 'skipped') this.totals[outcome]++
    }
  }

  /** A value that the database does not take spoils its batch: then each account goes alone, and the guilty is named. */
  async #sendOrSplit(accounts: readonly BulkAccount[], upTo: number): Promise<readonly Outcome[]> {
    try {
      return await this.#send(accounts, upTo)
    } catch (cause) {
      if (!(cause instanceof DatabaseError) || cause.temporary) throw cause
    }
    const outcomes: Outcome[] = []
    for (const account of accounts) {
      try {
        outcomes.push(...(await this.#send([account])))
      } catch (cause) {
        if (!(cause instanceof DatabaseError) || cause.temporary) throw cause
        outcomes.push({ wrong: `is not taken by the database: ${cause.message}` })
      }
    }
    await this.#send([], upTo)
    return outcomes
  }

  #send(accounts: readonly BulkAccount[], upTo?: number): Promise<readonly BulkOutcome[]> {
    const { source, existing, dryRun } = this.#options
    const keeps = source !== undefined && upTo !== undefined
    if (accounts.length === 0 && !keeps) return Promise.resolve([])
    return this.#options.accounts.importBatch({
      accounts,
      existing,
      dryRun,
      ...(keeps && { progress: { source, line: upTo } }),
    })
  }

  async #refuse(line: number, user: string | undefined, why: string): Promise<void> {
    this.totals.refused++
    await this.#options.refused(line, user, why)
  }
}

// Keeps the lists as the database has them; while it does not answer, as it had them.

import type {
  ListWrite,
  PolicyListRow,
  PolicyListTable,
  PutOutcome,
  RemoveOutcome,
} from '../database/policy-lists.js'
import type { Clock } from '../model/clock.js'
import { createPolicyLists, type ListEntry, type PolicyLists } from './policy-lists.js'

export interface StoredLists {
  readonly lists: PolicyLists
  /** Why they were not read the last time; empty: they were. */
  failure(): string
  /** Reads them, and again every two seconds; a database that is down delays nothing after the first answer. */
  follow(): Promise<void>
  /** Written, and in use here if this follows, when it resolves; other copies follow. Rejects with a DatabaseError. */
  put(entry: ListEntry, write: ListWrite): Promise<PutOutcome>
  remove(entry: Pick<ListEntry, 'list' | 'network' | 'login'>, write: ListWrite): Promise<RemoveOutcome>
  close(): void
}

export interface StoredListsDeps {
  readonly clock: Clock
  /** Told once when the lists cannot be read, and when they can again. */
  readonly warn: (message: string) => void
}

/** How long another copy may go on with what was. */
const REFRESH_MS = 2000

/** Empty until somebody follows. */
export function openStoredLists(table: PolicyListTable, { clock, warn }: StoredListsDeps): StoredLists {
  const lists = createPolicyLists(() => clock.unixSeconds())
  let failure = ''
  let inUse = ''
  let reading: Promise<void> | undefined

  async function read(): Promise<void> {
    try {
      const rows = await table.read(clock.unixSeconds())
      const text = JSON.stringify(rows)
      if (text !== inUse) lists.replace(rows.map(entryOf))
      inUse = text
      if (failure !== '') warn('the policy lists are read again')
      failure = ''
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      if (failure === '') warn(`the policy lists stay as they were: ${message}`)
      failure = message
    }
  }
  const refresh = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
  let timer: NodeJS.Timeout | undefined
  /** What was just written is to be in it: a reading that has begun before may miss it. */
  const takeUp = async (): Promise<void> => {
    if (timer === undefined) return
    await reading
    await refresh()
  }

  return {
    lists,
    failure: () => failure,
    follow: () => {
      timer ??= setInterval(refresh, REFRESH_MS).unref()
      return refresh()
    },
    put: async (entry, write) => {
      const outcome = await table.put(rowOf(entry), clock.unixSeconds(), write)
      await takeUp()
      return outcome
    },
    remove: async ({ list, network = '', login = '' }, write) => {
      const outcome = await table.remove({ list, network, login }, write)
      await takeUp()
      return outcome
    },
    close: () => clearInterval(timer),
  }
}

const rowOf = ({ list, network = '', login = '', reason, expires }: ListEntry): PolicyListRow => ({
  list,
  network,
  login,
  reason,
  expires: expires ?? null,
})

/** As it stands in the database → as the policy has it. */
export const entryOf = ({ list, network, login, reason, expires }: PolicyListRow): ListEntry => ({
  list,
  ...(network !== '' && { network }),
  ...(login !== '' && { login }),
  reason,
  ...(expires !== null && { expires }),
})

// Keeps the lists as the database has them; while it does not answer, as it had them.

import type { PolicyListRow, PolicyListTable } from '../database/policy-lists.js'
import type { Clock } from '../model/clock.js'
import { createPolicyLists, type ListEntry, type PolicyLists } from './policy-lists.js'

export interface StoredLists {
  readonly lists: PolicyLists
  /** Reads them, and again every two seconds; a database that is down delays nothing after the first answer. */
  follow(): Promise<void>
  /** Written and in use here when it resolves; other copies follow. Rejects with a DatabaseError. */
  put(entry: ListEntry): Promise<void>
  remove(entry: Pick<ListEntry, 'list' | 'network' | 'login'>): Promise<boolean>
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

  return {
    lists,
    follow: () => {
      timer ??= setInterval(refresh, REFRESH_MS).unref()
      return refresh()
    },
    put: async entry => {
      await table.put(rowOf(entry), clock.unixSeconds())
      await reading
      await refresh()
    },
    remove: async ({ list, network = '', login = '' }) => {
      const wasThere = await table.remove({ list, network, login })
      await reading
      await refresh()
      return wasThere
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

const entryOf = ({ list, network, login, reason, expires }: PolicyListRow): ListEntry => ({
  list,
  ...(network !== '' && { network }),
  ...(login !== '' && { login }),
  reason,
  ...(expires !== null && { expires }),
})

// What an administrator's program asks of the policy's lists: pages of them, entries added and removed.

import type { ListWrite, PolicyListPage, PolicyListTable } from '../database/policy-lists.js'
import type { Clock } from '../model/clock.js'
import type { UsernameRules } from '../model/username.js'
import { type ListEntry, type ListName, listEntry } from './policy-lists.js'
import { entryOf, type StoredLists } from './stored-lists.js'

/** Whom an entry is about, as somebody has typed it. */
export interface ListSubject {
  readonly network?: string
  readonly login?: string
}

export interface NewListEntry extends ListSubject {
  readonly reason?: string
  /** In seconds since 1970; absent: for good. */
  readonly expires?: number
}

export type ListRefusal =
  | { readonly refused: 'wrong'; readonly why: string }
  | { readonly refused: 'not_found' | 'key_reused' }

export type ListPlace = Required<PolicyListPage>['after']

/** Everything rejects with a DatabaseError when the database does not do it; nothing is half done. */
export interface ListDesk {
  /** `next`: where the page after this one begins; absent: this is the last. */
  page(page: PolicyListPage): Promise<{ readonly entries: readonly ListEntry[]; readonly next?: ListPlace }>
  /** In the place of an entry about the same network and login, if there is one. */
  put(
    list: ListName,
    entry: NewListEntry,
    write: ListWrite,
  ): Promise<{ readonly entry: ListEntry; readonly replaced: boolean } | ListRefusal>
  remove(
    list: ListName,
    subject: ListSubject,
    write: ListWrite,
  ): Promise<{ readonly removed: ListEntry } | ListRefusal>
}

export interface ListDeskDeps {
  readonly table: PolicyListTable
  /** A policy that runs here follows what is written at once. */
  readonly stored: StoredLists
  readonly rules: UsernameRules
  readonly clock: Clock
}

export function createListDesk({ table, stored, rules, clock }: ListDeskDeps): ListDesk {
  const read = (list: ListName, { network, login, reason, expires }: NewListEntry) => {
    const name = login === undefined ? undefined : rules.normalise(login)
    if (name !== undefined && 'refused' in name) return { wrong: `login can be no user: ${name.refused}` }
    if (expires !== undefined && expires <= clock.unixSeconds()) return { wrong: 'expires is over already' }
    return listEntry(list, {
      ...(network !== undefined && { network }),
      ...(name !== undefined && { login: name.user }),
      ...(reason !== undefined && { reason }),
      ...(expires !== undefined && { expires }),
    })
  }
  return {
    page: async page => {
      const rows = await table.page({ ...page, limit: page.limit + 1 }, clock.unixSeconds())
      const last = rows.length > page.limit ? rows[page.limit - 1] : undefined
      return {
        entries: rows.slice(0, page.limit).map(entryOf),
        ...(last && { next: { network: last.network, login: last.login } }),
      }
    },
    put: async (list, wanted, write) => {
      const entry = read(list, wanted)
      if ('wrong' in entry) return { refused: 'wrong', why: entry.wrong }
      const put = await stored.put(entry, write)
      if (put.outcome === 'key_reused') return { refused: put.outcome }
      if (put.row === undefined) return { refused: 'not_found' }
      return { entry: entryOf(put.row), replaced: put.outcome === 'replaced' }
    },
    remove: async (list, subject, write) => {
      const entry = read(list, subject)
      if ('wrong' in entry) return { refused: 'wrong', why: entry.wrong }
      const outcome = await stored.remove(entry, write)
      return outcome === 'removed' ? { removed: entry } : { refused: outcome }
    },
  }
}

// Who is always let in and who never is: addresses, networks, logins, and pairs of both, for a time and for a reason.

import { parseNetwork } from '../model/networks.js'
import type { Attempt } from './attempt.js'
import { loginOf } from './attempt.js'
import { isWithin, NetworkIndex, networkForm } from './network-index.js'

export type ListName = 'allow' | 'block'

export interface ListEntry {
  readonly list: ListName
  /** An address or a network; absent: from wherever. */
  readonly network?: string
  /** Absent: everybody. One of the two is there. */
  readonly login?: string
  readonly reason: string
  /** In seconds since 1970; absent: for good. */
  readonly expires?: number
}

/** 9999-12-31T23:59:59Z: what is later cannot be written as a date. */
const LAST_SECOND = 253_402_300_799
const LONGEST_REASON = 255

/** The entry in its one form, or what is wrong with it. */
export function listEntry(
  list: ListName,
  {
    network,
    login,
    reason = '',
    expires,
  }: { network?: string; login?: string; reason?: string; expires?: number },
): ListEntry | { readonly wrong: string } {
  const parsed = network === undefined ? undefined : parseNetwork(network)
  if (network !== undefined && parsed === undefined)
    return { wrong: `${network} is neither address nor network` }
  if (network === undefined && (login ?? '') === '')
    return { wrong: 'neither an address nor a login is named' }
  if (expires !== undefined && !(expires <= LAST_SECOND)) return { wrong: 'it would expire too late' }
  const form = parsed && networkForm(parsed.address, parsed.prefix)
  return {
    list,
    ...(form !== undefined && { network: form }),
    ...(login !== undefined && login !== '' && { login: loginOf(login) }),
    reason: [...reason].slice(0, LONGEST_REASON).join(''),
    ...(expires !== undefined && { expires }),
  }
}

export interface PolicyLists {
  /** The entry that decides; what is allowed goes before what is blocked. */
  find(attempt: Partial<Pick<Attempt, 'login' | 'remote'>>, list: ListName): ListEntry | undefined
  all(list: ListName): readonly ListEntry[]
  /** In the place of everything that was there. */
  replace(entries: readonly ListEntry[]): void
}

export function createPolicyLists(unixSeconds: () => number): PolicyLists {
  let index: Record<ListName, ListIndex> = { allow: indexOf([]), block: indexOf([]) }
  const isOver = ({ expires }: ListEntry) => expires !== undefined && expires <= unixSeconds()
  return {
    find: ({ login, remote }, list) => {
      const { byLogin, byNetwork } = index[list]
      const own = login === undefined ? undefined : byLogin.get(login)
      const isMeant = (entry: ListEntry) => !isOver(entry) && isFrom(entry, remote)
      const found = own?.find(isMeant)
      if (found || remote === undefined) return found
      for (const entry of byNetwork.holding(remote)) if (!isOver(entry)) return entry
      return undefined
    },
    all: list => index[list].entries.filter(entry => !isOver(entry)),
    replace: entries => {
      index = {
        allow: indexOf(entries.filter(({ list }) => list === 'allow')),
        block: indexOf(entries.filter(({ list }) => list === 'block')),
      }
    },
  }
}

interface ListIndex {
  readonly entries: readonly ListEntry[]
  readonly byLogin: ReadonlyMap<string, readonly ListEntry[]>
  /** Those that are for everybody. */
  readonly byNetwork: NetworkIndex<ListEntry>
}

function indexOf(entries: readonly ListEntry[]): ListIndex {
  const byLogin = new Map<string, ListEntry[]>()
  const byNetwork = new NetworkIndex<ListEntry>()
  for (const entry of entries) {
    if (entry.login === undefined) {
      byNetwork.set(entry.network ?? '', entry)
      continue
    }
    const own = byLogin.get(entry.login)
    if (own) own.push(entry)
    else byLogin.set(entry.login, [entry])
  }
  return { entries, byLogin, byNetwork }
}

const isFrom = ({ network }: ListEntry, remote: string | undefined): boolean =>
  network === undefined || (remote !== undefined && isWithin(remote, network))

// Every user of every userdb, each once.

import type { ChainedUserdb } from './chained-userdb.js'

/**
 * Lists the userdbs that can be listed, in order. A name that two of them know comes once; what that costs is
 * a set of the names seen, kept only while more than one userdb takes part. Throws when a listing breaks off.
 */
export async function* listUsers(links: readonly ChainedUserdb[], mask: string): AsyncGenerator<string> {
  const lists = links.flatMap(({ userdb }) => (userdb.list ? [userdb.list(mask)] : []))
  if (lists.length === 0) throw new Error('no userdb can list its users')
  if (lists.length === 1 && lists[0]) return yield* lists[0]
  const seen = new Set<string>()
  for (const list of lists) {
    for await (const name of list) {
      if (seen.has(name)) continue
      seen.add(name)
      yield name
    }
  }
}

// Whom a flush means: the names as an administrator writes them, and as caches know them.

import t from 'tap'
import { createCacheControl } from '../../../src/cache/cache-control.js'
import type { Copies } from '../../../src/database/copies.js'
import { createUsernameRules, type UsernameSettings } from '../../../src/model/username.js'
import type { StateStore } from '../../../src/state/state-store.js'

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@'
const usual: UsernameSettings = {
  auth_username_format: '%Lu',
  auth_default_realm: '',
  auth_username_chars: letters,
  auth_username_translation: '',
}

/** What the copies and the Dovecots are asked to forget. */
async function asked(written: readonly string[], changed: Partial<UsernameSettings> = {}) {
  const toCopies: string[] = []
  const toDovecots: string[] = []
  const copies: Pick<Copies, 'live' | 'ask'> = {
    live: async () => [],
    ask: async (_kind, masks) => {
      toCopies.push(...masks)
      return masks.map((_, at) => at)
    },
  }
  const control = createCacheControl({
    copies: copies as Copies,
    state: { isShared: false } as StateStore,
    dovecots: {
      flush: async (masks: readonly string[]) => {
        toDovecots.push(...masks)
        return []
      },
    } as never,
    rules: createUsernameRules({ ...usual, ...changed }),
    patienceMs: 0,
  })
  t.match(await control.flush(written), { complete: true })
  t.strictSame(toDovecots, toCopies)
  return toCopies
}

t.test('a name is what a login by it would be cached as', async t => {
  t.strictSame(await asked(['Anna@Example.org']), ['anna@example.org'])
  t.strictSame(await asked(['Anna'], { auth_default_realm: 'example.org' }), ['anna@example.org'])
  t.strictSame(await asked(['Anna@Example.org'], { auth_username_format: '%Ln' }), ['anna'])
  t.strictSame(await asked(['anna/example.org'], { auth_username_translation: '/@' }), ['anna@example.org'])
  t.strictSame(await asked(['Anna'], { auth_username_format: '' }), ['Anna'])
})

t.test('a mask has the case of the names that it is held against', async t => {
  t.strictSame(await asked(['*@Example.org', 'Ann?@*']), ['*@example.org', 'ann?@*'])
  t.strictSame(await asked(['A*'], { auth_username_format: '' }), ['A*'])
})

t.test('a name that no login can have is asked for all the same', async t => {
  t.strictSame(await asked(["O'Brien@Example.org"]), ["o'brien@example.org"])
})

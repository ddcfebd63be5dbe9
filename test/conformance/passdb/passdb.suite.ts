// What every passdb driver keeps, whatever it asks: run by each of them.

import type { Test } from 'tap'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import type { Passdb } from '../../../src/model/passdb.js'

/** A passdb made ready with known accounts, and the handles to its world. What a driver cannot have is absent. */
export interface PassdbUnderTest {
  readonly driver: string
  readonly passdb: Passdb
  /** Two users with stored passwords of their own. */
  readonly known: readonly { readonly user: string; readonly stored: string }[]
  readonly disabled?: string
  /** Absent for a driver that knows everybody. */
  readonly unknown?: string
  /** Makes whatever stands behind it fail, and well again. */
  readonly breakIt?: () => Promise<void>
  readonly mendIt?: () => Promise<void>
  /** Makes whatever stands behind it take a question and never answer. */
  readonly hang?: () => Promise<void>
}

export function request(user: string, over: Partial<AuthRequest> = {}): AuthRequest {
  return { user, originalUser: user, protocol: 'imap', secured: 'none', ...over }
}

/** A signal that fires soon, from a timer that keeps the process alive until then. */
function soon(): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 20)
  return controller.signal
}

const hostileNames = [
  '%{sha512:x}',
  '%u',
  '__proto__',
  'constructor',
  'toString',
  "' OR '1'='1",
  "x'; DROP TABLE local_users; --",
  '../../etc/passwd',
  'a:b',
  'a\tb\nc',
  '*',
  '%',
  '_',
  '$&',
  'x'.repeat(255),
]

export function passdbSuite(t: Test, open: (t: Test) => Promise<PassdbUnderTest>): void {
  t.test('it is named after its driver', async t => {
    const { driver, passdb } = await open(t)
    t.equal(passdb.driver, driver)
  })

  t.test('a known user is ok, with the stored password as it stands', async t => {
    const { passdb, known } = await open(t)
    for (const { user, stored } of known) {
      t.match(await passdb.lookup(request(user)), { result: 'ok', credentials: { stored } })
    }
  })

  t.test('lookups at the same moment do not get each other’s answers', async t => {
    const { passdb, known } = await open(t)
    const many = Array.from({ length: 20 }, () => known).flat()
    const found = await Promise.all(many.map(({ user }) => passdb.lookup(request(user))))
    t.same(
      found.map(lookup => lookup.result === 'ok' && lookup.credentials?.stored),
      many.map(({ stored }) => stored),
    )
  })

  t.test('an unknown user is user_unknown, and nothing else', async t => {
    const { passdb, unknown } = await open(t)
    if (unknown === undefined) {
      t.pass('knows everybody')
      return
    }
    t.same(await passdb.lookup(request(unknown)), { result: 'user_unknown' })
    t.same(await passdb.lookup(request('')), { result: 'user_unknown' })
  })

  t.test('a hostile name is nobody, or whom it says to the byte', async t => {
    const { passdb, unknown } = await open(t)
    for (const name of hostileNames) {
      const lookup = await passdb.lookup(request(name))
      if (unknown !== undefined) t.same(lookup, { result: 'user_unknown' }, name)
      else t.match(lookup, { result: 'ok' }, name)
    }
  })

  t.test('a disabled user is user_disabled, which is not unknown', async t => {
    const { passdb, disabled } = await open(t)
    if (disabled === undefined) {
      t.pass('cannot disable')
      return
    }
    const lookup = await passdb.lookup(request(disabled))
    t.equal(lookup.result, 'user_disabled')
    t.notOk('credentials' in lookup)
  })

  t.test('trouble is internal_failure for everybody, says why, and ends with its cause', async t => {
    const { passdb, known, unknown = 'nobody', breakIt, mendIt } = await open(t)
    if (!breakIt || !mendIt) {
      t.pass('nothing stands behind it')
      return
    }
    await breakIt()
    for (const user of [...known.map(({ user }) => user), unknown]) {
      const lookup = await passdb.lookup(request(user))
      t.equal(lookup.result, 'internal_failure', user)
      t.ok(lookup.result === 'internal_failure' && (lookup.reason ?? lookup.cause), 'says why')
      for (const { stored } of known)
        t.notMatch(JSON.stringify(lookup), stored, 'and tells no stored password')
    }
    await mendIt()
    for (const { user, stored } of known) {
      t.match(await passdb.lookup(request(user)), { result: 'ok', credentials: { stored } }, 'well again')
    }
    if (unknown !== 'nobody') t.same(await passdb.lookup(request(unknown)), { result: 'user_unknown' })
  })

  t.test('a question that is never answered ends when its signal fires, as internal_failure', async t => {
    const { passdb, known, hang } = await open(t)
    if (!hang) {
      t.pass('waits for nobody')
      return
    }
    await hang()
    for (const { user } of known) {
      t.match(await passdb.lookup(request(user), soon()), { result: 'internal_failure' })
    }
  })
}

// What every userdb driver keeps, whatever it asks: run by each of them.

import type { Test } from 'tap'
import type { Userdb } from '../../../src/model/userdb.js'
import { request } from '../passdb/passdb.suite.js'

/** A userdb made ready with known users, and the handles to its world. What a driver cannot have is absent. */
export interface UserdbUnderTest {
  readonly driver: string
  readonly userdb: Userdb
  readonly known: readonly { readonly user: string; readonly fields: Readonly<Record<string, string>> }[]
  /** Absent for a driver that knows everybody. */
  readonly unknown?: string
  /** All names a listing gives, sorted; absent for a driver that cannot list. */
  readonly listed?: readonly string[]
  readonly breakIt?: () => Promise<void>
  readonly mendIt?: () => Promise<void>
}

export function userdbSuite(t: Test, open: (t: Test) => Promise<UserdbUnderTest>): void {
  t.test('it is named after its driver', async t => {
    const { driver, userdb } = await open(t)
    t.equal(userdb.driver, driver)
  })

  t.test('a known user is ok, with its fields and no others', async t => {
    const { userdb, known } = await open(t)
    for (const { user, fields } of known) {
      const found = await userdb.lookup(request(user))
      t.same(found.result === 'ok' && Object.fromEntries(found.fields), fields, user)
    }
  })

  t.test('an unknown user is user_unknown, whatever the name says', async t => {
    const { userdb, unknown } = await open(t)
    if (unknown === undefined) {
      t.pass('knows everybody')
      return
    }
    for (const user of [unknown, '', '__proto__', "' OR '1'='1", '%', '*', '../x', '%{sha512:x}']) {
      t.same(await userdb.lookup(request(user)), { result: 'user_unknown' }, user)
    }
  })

  t.test('no name makes a path that is not its own', async t => {
    const { userdb } = await open(t)
    for (const user of ['../../etc/passwd', 'anna/../bob@x', '..@x', 'anna@..', '/', 'a\0b@x']) {
      const found = await userdb.lookup(request(user))
      t.not(found.result, 'ok', JSON.stringify(user))
    }
  })

  t.test('trouble is internal_failure for everybody, and a listing breaks off', async t => {
    const { userdb, known, unknown = 'nobody', breakIt, mendIt } = await open(t)
    if (!breakIt || !mendIt) {
      t.pass('nothing stands behind it')
      return
    }
    await breakIt()
    for (const user of [...known.map(({ user }) => user), unknown]) {
      const found = await userdb.lookup(request(user))
      t.equal(found.result, 'internal_failure', user)
      t.ok(found.result === 'internal_failure' && (found.reason ?? found.cause), 'says why')
    }
    if (userdb.list) await t.rejects(names(userdb, '*'))
    await mendIt()
    for (const { user } of known) t.match(await userdb.lookup(request(user)), { result: 'ok' }, 'well again')
  })

  t.test('a listing has every user once, and those that match a mask', async t => {
    const { userdb, listed } = await open(t)
    if (listed === undefined) {
      t.equal(userdb.list, undefined, 'it cannot list, and says so')
      return
    }
    t.same((await names(userdb, '*')).sort(), listed)
    const [first = ''] = listed
    t.same(await names(userdb, first), [first])
    t.same(await names(userdb, `${first.slice(0, 1)}*`), [first])
    t.same(await names(userdb, 'no such user'), [])
  })
}

async function names(userdb: Userdb, mask: string): Promise<string[]> {
  const found: string[] = []
  for await (const user of userdb.list?.(mask) ?? []) found.push(user)
  return found
}

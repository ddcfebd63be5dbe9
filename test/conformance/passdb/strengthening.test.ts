// Weak hashes at login, from the engine down to real databases.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { StrengthenEvent } from '../../../src/auth/strengthen-password.js'
import { loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'
import { openEngine } from '../../../src/engine.js'
import { Password } from '../../../src/model/password.js'
import { generatePassword } from '../../../src/password/generate-password.js'
import { startOwnMariadb, whyNoMariadb } from '../../system/mariadb-server.js'
import { type AccountsUnderTest, eachDatabase } from './real-databases.js'

const anna = 'anna@example.org'
const weak = '{SSHA}kC9EOGXvs+yS2TtOb0ZDyFnDJ6hzYWx0'

/**
 * Rounds: what has to come before the write has some tenths of a second. No memory is needed for them: 256 MiB take a tenth of a
 * second on one machine and ten on another.
 */
const slow = 1_000_000

/** One copy of the service's engine, with passwords strengthened to `scheme`. */
async function copy(t: Test, url: string, scheme = 'SHA512-CRYPT', rounds = 0) {
  const loaded = loadConfig(programSchema, {
    environment: { HOMING_DATABASE_URL: url },
    flags: [
      `password_rehash=${scheme}`,
      `password_rehash_rounds=${rounds}`,
      'auth_hash_workers=1',
      'database_connect_timeout=2s',
      'database_query_timeout=2s',
    ],
  })
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  const events: StrengthenEvent[] = []
  const engine = await openEngine(loaded.config, {
    report: () => {},
    warn: () => {},
    strengthened: event => events.push(event),
  })
  t.teardown(() => engine.close())
  await engine.verifier.warmUp()
  const login = async (password: string, user = anna) => {
    const request = { user, protocol: 'imap', secured: 'tls' } as const
    return (await engine.auth.authenticate(request, new Password(password))).result
  }
  const untilTold = async () => {
    for (let tries = 0; tries < 1000 && events.length === 0; tries++) await sleep(20)
    return events
  }
  return { engine, login, events, untilTold }
}

const secret = async (scheme: string, rounds?: number) => {
  const made = await generatePassword(scheme, new Password('secret'), rounds === undefined ? {} : { rounds })
  if ('refused' in made) throw new Error(made.refused)
  return made.stored
}

const setPassword = ({ execute }: Pick<AccountsUnderTest, 'execute'>, stored: string) =>
  execute(`update local_users set password = '${stored}' where username = '${anna}'`)

async function storedOf({ databases, url }: AccountsUnderTest): Promise<string> {
  const columns = { user: 'username', password: 'password' }
  const table = databases.open(url).accountTable({ table: 'local_users', columns, normalise: name => name })
  const found = await table.find(anna)
  return found.found === 'one' ? String(found.row.values.password) : found.found
}

await eachDatabase((label, make) => {
  for (const scheme of ['SHA512-CRYPT', 'ARGON2ID']) {
    t.test(`${label}: after a login a weak hash is ${scheme}, and opens by the same password`, async t => {
      const made = await make(t)
      await setPassword(made, await secret('SSHA256'))
      const { login, untilTold } = await copy(t, made.url, scheme)
      t.equal(await login('secret'), 'ok')
      t.same(await untilTold(), [{ passdb: 'local', user: anna, outcome: 'replaced' }])
      t.match(await storedOf(made), new RegExp(`^\\{${scheme}\\}\\$`))
      t.equal(await login('secret'), 'ok')
      t.equal(await login('wrong'), 'password_mismatch')
    })
  }

  t.test(`${label}: fewer rounds than the scheme has by default are made up for`, async t => {
    const made = await make(t)
    await setPassword(made, await secret('SHA512-CRYPT', 1000))
    const { login, untilTold } = await copy(t, made.url)
    t.equal(await login('secret'), 'ok')
    t.match(await untilTold(), [{ outcome: 'replaced' }])
    t.match(await storedOf(made), /^\{SHA512-CRYPT\}\$6\$(?!rounds)/)
  })

  t.test(`${label}: a wrong password and a strong hash change nothing`, async t => {
    const made = await make(t)
    await setPassword(made, await secret('SSHA256'))
    const { login, events } = await copy(t, made.url)
    t.equal(await login('wrong'), 'password_mismatch')
    t.equal(await login('pb', 'bob@example.org'), 'ok', 'in clear')
    const strong = await secret('SHA512-CRYPT', 6000)
    await sleep(100)
    await setPassword(made, strong)
    t.equal(await login('secret'), 'ok')
    await sleep(200)
    t.same(events, [])
    t.equal(await storedOf(made), strong)
  })

  t.test(`${label}: two copies at which the same user logs in write once`, async t => {
    const made = await make(t)
    const before = await secret('SSHA256')
    await setPassword(made, before)
    const copies = await Promise.all([copy(t, made.url), copy(t, made.url)])
    t.same(await Promise.all(copies.map(({ login }) => login('secret'))), ['ok', 'ok'])
    const outcomes = (await Promise.all(copies.map(({ untilTold }) => untilTold()))).flat()
    // One copy may have begun its login when the other had written already: then it had nothing to do.
    t.equal(outcomes.filter(({ outcome }) => outcome === 'replaced').length, 1, JSON.stringify(outcomes))
    t.ok(outcomes.every(({ outcome }) => outcome !== 'failed'))
    t.same(await Promise.all(copies.map(({ login }) => login('secret'))), ['ok', 'ok'])
  })

  t.test(`${label}: a password that was changed after it was verified is not overwritten`, async t => {
    const made = await make(t)
    await setPassword(made, await secret('SSHA256'))
    const { login, untilTold } = await copy(t, made.url, 'SHA512-CRYPT', slow)
    t.equal(await login('secret'), 'ok')
    // The change comes while the new hash is computed.
    await setPassword(made, weak)
    t.match(await untilTold(), [{ outcome: 'changed_meanwhile' }])
    t.equal(await storedOf(made), weak)
  })

  t.test(`${label}: a table that may not be written changes nothing for the user`, async t => {
    const made = await make(t)
    const before = await secret('SSHA256')
    await setPassword(made, before)
    const refuse =
      label === 'SQLite'
        ? `create trigger no_change before update on local_users begin select raise(abort, 'no'); end`
        : `create trigger no_change before update on local_users for each row signal sqlstate '45000'`
    await made.execute(refuse)
    const { login, untilTold } = await copy(t, made.url)
    t.equal(await login('secret'), 'ok')
    const [event] = await untilTold()
    t.match(event, { outcome: 'failed', cause: Error })
    t.notMatch(String(event?.cause), /SHA512|\$6\$|SSHA|secret/)
    t.equal(await login('secret'), 'ok')
    t.equal(await storedOf(made), before)
  })

  t.test(`${label}: a stop waits for the hash that is being written`, async t => {
    const made = await make(t)
    await setPassword(made, await secret('SSHA256'))
    const { engine, login, events } = await copy(t, made.url, 'ARGON2ID')
    t.equal(await login('secret'), 'ok')
    await engine.close(10_000)
    t.match(events, [{ outcome: 'replaced' }])
    t.match(await storedOf(made), /^\{ARGON2ID\}/)
  })

  t.test(`${label}: a stop that cannot wait drops it, and the old hash stays`, async t => {
    const made = await make(t)
    const before = await secret('SSHA256')
    await setPassword(made, before)
    const { engine, login } = await copy(t, made.url, 'SHA512-CRYPT', slow)
    t.equal(await login('secret'), 'ok')
    await engine.close(0)
    t.equal(await storedOf(made), before)
  })
})

const reason = whyNoMariadb()
t.test('a database that dies between login and write changes nothing', { skip: reason ?? false }, async t => {
  const server = await startOwnMariadb()
  t.teardown(() => server.close())
  const name = `homing_strengthening_${process.pid}`
  const url = await server.createDatabase(name)
  const { login, engine, untilTold, events } = await copy(t, url, 'SHA512-CRYPT', slow)
  await engine.database.migrate()
  const before = await secret('SSHA256')
  await server.execute(
    `insert into local_users (username, password, active) values ('${anna}', '${before}', 1)`,
    name,
  )
  t.equal(await login('secret'), 'ok')
  await server.kill()
  t.match(await untilTold(), [{ outcome: 'failed', cause: { temporary: true } }])
  t.equal(await login('secret'), 'internal_failure', 'never a wrong password')
  await server.start()
  const rows = await server.execute('select password from local_users', name)
  t.same(rows, [{ password: before }])
  for (let tries = 0; tries < 100 && (await login('secret')) !== 'ok'; tries++) await sleep(50)
  t.equal(await login('secret'), 'ok')
  t.equal(events.length, 1, 'and it is not tried again at once')
})

// A master's password is guessed under the names of many users, and Dovecot tells the policy whose it is.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createAuthority } from './certificates.js'
import { startDovecot } from './dovecot.js'
import { freePorts } from './free-ports.js'
import { startHoming } from './homing.js'
import { imapAnswer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'

const KEY = 'policy-key'
const chain = `
[[passdb]]
name = "masters"
driver = "sql"
table = "master_users"
master = true
result_success = "continue"
result_failure = "return-fail"

[[passdb]]
name = "local"
driver = "sql"
table = "local_users"

[[userdb]]
name = "local"
driver = "sql"
table = "local_users"
`

for (const major of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${major}: guesses at a master count for the master`, async t => {
    const installation = findDovecot(`dovecot-${major}`)
    if (!needs(t, `dovecot-${major}`) || !installation) return
    const folder = await mkdtemp(join(tmpdir(), 'homing-policy-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const [policyPort = 0] = await freePorts(1)
    const policyUrl = `http://127.0.0.1:${policyPort}/`
    const homing = await startHoming({
      config: `policy_listen = ["127.0.0.1:${policyPort}"]\npolicy_api_key = "${KEY}"\n${chain}`,
    })
    t.teardown(() => homing.close())
    await homing.addAccounts({
      localUsers: ['anna', 'bert'].map(name => ({
        username: `${name}@example.org`,
        password: '{PLAIN}right',
        home: '/home/x',
        uid: 5000,
        gid: 5000,
      })),
      masterUsers: [{ user_name: 'admin', domain_name: 'ops.test', password: '{PLAIN}of admin' }],
    })
    const authority = await createAuthority(folder, 'policy')
    const dovecot = await startDovecot({
      installation,
      role: 'proxy',
      masters: true,
      service: homing,
      certificate: await authority.issue('server', 'DNS:localhost'),
      caFile: authority.caFile,
      site:
        `!include policy.conf\nauth_policy_server_url = ${policyUrl}\n` +
        `auth_policy_server_api_header = ${KEY}\nauth_policy_hash_nonce = nonce\n`,
    })
    t.teardown(() => dovecot.stop())
    const imaps = { port: dovecot.ports.imaps, caFile: authority.caFile }
    const logIn = (user: string, password: string) => imapAnswer(imaps, { user, password })

    for (const user of ['anna', 'bert']) {
      t.match(await logIn(`${user}@example.org*ADMIN@ops.test`, 'a guess'), /^NO \[AUTHENTICATIONFAILED\]/)
    }
    t.match(await countsOf('admin@ops.test', 2), { user_passwords: 2 })
    t.match(await logIn('anna@example.org*admin@ops.test', 'of admin'), /^OK/)
    await sleep(300)
    t.match(await countsOf('admin@ops.test', 2), { user_passwords: 2 }, 'and his right one is forgiven')
    t.match(await countsOf('anna@example.org', 0), { user_passwords: 0 })

    async function countsOf(login: string, expected: number): Promise<Record<string, number>> {
      for (let tries = 0; ; tries++) {
        const answer = await fetch(`${policyUrl}command/getDBStats`, {
          method: 'POST',
          headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
          body: JSON.stringify({ login }),
        })
        const { stats } = (await answer.json()) as { stats: { homing: Record<string, number> } }
        if (stats.homing.user_passwords === expected || tries === 40) return stats.homing
        await sleep(50)
      }
    }
  })
}

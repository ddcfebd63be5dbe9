// By CRAM-MD5 and SCRAM no password reaches Dovecot, and the hash that it sends is always the same.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createAuthority } from './certificates.js'
import { startDovecot } from './dovecot.js'
import { freePorts } from './free-ports.js'
import { startHoming } from './homing.js'
import { findDovecot, needs } from './parts.js'
import { imapAuthenticate, type Mechanism } from './sasl-client.js'

/** `doveadm pw -p right` */
const stored = {
  'CRAM-MD5': '{CRAM-MD5}37bff7672f7de56170a4344769bbdd98b9e7961c29c5f0c20e1a173edee71246',
  'SCRAM-SHA-256':
    '{SCRAM-SHA-256}4096,2TQTRdoTdzMDMXSswPd3rw==,IwBZ35VcDS9i/726coF/cqWsuQifzfrmbIXHp4Nq4Sk=,X4PK5t/GUWru+Adl/eI7YcGlanBGN3C+MfqLBqx6izk=',
}
const KEY = 'policy-key'

for (const major of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${major}: each guess by CRAM-MD5 or SCRAM counts`, async t => {
    const installation = findDovecot(`dovecot-${major}`)
    if (!needs(t, `dovecot-${major}`) || !installation) return
    const folder = await mkdtemp(join(tmpdir(), 'homing-policy-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const [policyPort = 0] = await freePorts(1)
    const policyUrl = `http://127.0.0.1:${policyPort}/`
    const homing = await startHoming({
      config: `auth_allow_weak_schemes = true\npolicy_listen = ["127.0.0.1:${policyPort}"]\npolicy_api_key = "${KEY}"\n`,
    })
    t.teardown(() => homing.close())
    const row = { home: '/home/x', uid: 5000, gid: 5000 }
    await homing.addAccounts({
      localUsers: Object.entries(stored).map(([mechanism, password]) => ({
        ...row,
        username: `${mechanism.toLowerCase()}@example.org`,
        password,
      })),
    })
    const authority = await createAuthority(folder, 'policy')
    const dovecot = await startDovecot({
      installation,
      role: 'proxy',
      service: homing,
      certificate: await authority.issue('server', 'DNS:localhost'),
      caFile: authority.caFile,
      site:
        'auth_mechanisms = plain login cram-md5 scram-sha-256\n!include policy.conf\n' +
        `auth_policy_server_url = ${policyUrl}\nauth_policy_server_api_header = ${KEY}\nauth_policy_hash_nonce = nonce\n`,
    })
    t.teardown(() => dovecot.stop())

    for (const mechanism of Object.keys(stored) as Mechanism[]) {
      const user = `${mechanism.toLowerCase()}@example.org`
      const imaps = { port: dovecot.ports.imaps, caFile: authority.caFile }
      const logIn = (password: string) => imapAuthenticate(imaps, mechanism, { user, password })
      for (const guess of ['one', 'two', 'three']) t.match(await logIn(guess), /^NO \[AUTHENTICATIONFAILED\]/)
      const counted = () => countsOf(policyUrl, user)
      for (let tries = 0; tries < 40 && (await counted()).user_challenges !== 3; tries++) await sleep(50)
      t.match(await counted(), { user_challenges: 3, user_passwords: 1 }, mechanism)
      t.match(await logIn('right'), /^OK/)
    }
  })
}

async function countsOf(policyUrl: string, login: string): Promise<Record<string, number>> {
  const answer = await fetch(`${policyUrl}command/getDBStats`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ login }),
  })
  const { stats } = (await answer.json()) as { stats: { homing: Record<string, number> } }
  return stats.homing
}

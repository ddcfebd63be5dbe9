// By CRAM-MD5 and SCRAM no password reaches Dovecot, and the hash that it sends is always the same.

import t from 'tap'
import { startPolicyProxy } from './policy-proxy.js'
import { imapAuthenticate, type Mechanism } from './sasl-client.js'

/** `doveadm pw -p right` */
const stored = {
  'CRAM-MD5': '{CRAM-MD5}37bff7672f7de56170a4344769bbdd98b9e7961c29c5f0c20e1a173edee71246',
  'SCRAM-SHA-256':
    '{SCRAM-SHA-256}4096,2TQTRdoTdzMDMXSswPd3rw==,IwBZ35VcDS9i/726coF/cqWsuQifzfrmbIXHp4Nq4Sk=,X4PK5t/GUWru+Adl/eI7YcGlanBGN3C+MfqLBqx6izk=',
}
const row = { home: '/home/x', uid: 5000, gid: 5000 }

for (const major of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${major}: each guess by CRAM-MD5 or SCRAM counts`, async t => {
    const proxy = await startPolicyProxy(t, major, {
      config: 'auth_allow_weak_schemes = true\n',
      accounts: {
        localUsers: Object.entries(stored).map(([mechanism, password]) => ({
          ...row,
          username: `${mechanism.toLowerCase()}@example.org`,
          password,
        })),
      },
      site: 'auth_mechanisms = plain login cram-md5 scram-sha-256\n',
    })
    if (!proxy) return
    const { imaps, countsOf } = proxy

    for (const mechanism of Object.keys(stored) as Mechanism[]) {
      const user = `${mechanism.toLowerCase()}@example.org`
      const logIn = (password: string) => imapAuthenticate(imaps, mechanism, { user, password })
      for (const guess of ['one', 'two', 'three']) t.match(await logIn(guess), /^NO \[AUTHENTICATIONFAILED\]/)
      const counted = await countsOf(user, 'user_challenges', 3)
      t.match(counted, { user_challenges: 3, user_passwords: 1 }, mechanism)
      t.match(await logIn('right'), /^OK/)
    }
  })
}

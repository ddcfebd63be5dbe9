// A master's password is guessed under the names of many users, and Dovecot tells the policy whose it is.

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { localUsers, mastersFirst } from './chain-blocks.js'
import { imapAnswer } from './mail-clients.js'
import { startPolicyProxy } from './policy-proxy.js'

const row = { password: '{PLAIN}right', home: '/home/x', uid: 5000, gid: 5000 }

for (const major of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${major}: guesses at a master count for the master`, async t => {
    const proxy = await startPolicyProxy(t, major, {
      config: mastersFirst + localUsers,
      accounts: {
        localUsers: ['anna', 'bert'].map(name => ({ ...row, username: `${name}@example.org` })),
        masterUsers: [{ user_name: 'admin', domain_name: 'ops.test', password: '{PLAIN}of admin' }],
      },
      masters: true,
    })
    if (!proxy) return
    const { imaps, countsOf } = proxy
    const logIn = (user: string, password: string) => imapAnswer(imaps, { user, password })

    for (const user of ['anna', 'bert']) {
      t.match(await logIn(`${user}@example.org*ADMIN@ops.test`, 'a guess'), /^NO \[AUTHENTICATIONFAILED\]/)
    }
    t.match(await countsOf('admin@ops.test', 'user_passwords', 2), { user_passwords: 2 })
    t.match(await logIn('anna@example.org*admin@ops.test', 'of admin'), /^OK/)
    await sleep(300)
    t.match(
      await countsOf('admin@ops.test', 'user_passwords', 2),
      { user_passwords: 2 },
      'and his right one is forgiven',
    )
    t.match(await countsOf('anna@example.org', 'user_passwords', 0), { user_passwords: 0 })
  })
}

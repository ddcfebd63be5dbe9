// Master users through the oauth2 door: Dovecot hands over `user*master` as one name, and Homing takes it apart.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority } from './certificates.js'
import { localPassdb, mastersFirst, proxiedUsers } from './chain-blocks.js'
import { mailUser, startDovecot } from './dovecot.js'
import { startHoming } from './homing.js'
import { findDovecot, needs } from './parts.js'

const PASSWORD = 'of the user'
const MASTER_PASSWORD = 'of the master'

const withMasters = `auth_master_user_separator = "*"\n${mastersFirst}${proxiedUsers}${localPassdb}`

/** Dovecot's default, and the separator. */
const site = 'auth_username_chars = abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@*\n'

for (const major of ['2.3', '2.4'] as const) {
  t.test(`master users through the oauth2 door of ${major}`, async t => {
    const part = `dovecot-${major}` as const
    if (!needs(t, part)) return
    const installation = findDovecot(part)
    if (!installation) throw new Error(`${part} was there a moment ago`)
    const folder = await mkdtemp(join(tmpdir(), 'homing-masters-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const authority = await createAuthority(folder, 'good')
    const certificate = await authority.issue('server', 'DNS:localhost')
    const homing = await startHoming({ config: withMasters })
    t.teardown(() => homing.close())
    await homing.addAccounts({
      proxyUsers: [
        { username: 'there@x.test', password: `{PLAIN}${PASSWORD}`, host: '127.0.0.1', ssl_mode: 'ssl' },
      ],
      localUsers: [{ username: 'here@x.test', password: `{PLAIN}${PASSWORD}`, home: '/srv/x', ...mailUser }],
      masterUsers: [{ user_name: 'admin', domain_name: 'x.test', password: `{PLAIN}${MASTER_PASSWORD}` }],
    })
    const { caFile } = authority
    const options = { role: 'proxy', door: 'oauth2', service: homing, certificate, caFile, site } as const
    const dovecot = await startDovecot({ installation, ...options })
    t.teardown(() => dovecot.stop())
    const test = (user: string, password: string) => dovecot.doveadm('auth', 'test', user, password)

    const there = await test('there@x.test*admin@x.test', MASTER_PASSWORD)
    t.match(there, { code: 0, stdout: /^ {2}user=there@x\.test$/m }, 'the master becomes the user')
    t.match(there.stdout, /^ {2}host=127\.0\.0\.1$/m, 'who is sent on')
    t.match(await test('here@x.test*admin@x.test', MASTER_PASSWORD), {
      code: 0,
      stdout: /user=here@x\.test$/m,
    })
    for (const [user, password] of [
      ['there@x.test*admin@x.test', PASSWORD],
      ['there@x.test*admin@x.test', ''],
      ['there@x.test*nobody@x.test', MASTER_PASSWORD],
      ['nobody@x.test*admin@x.test', MASTER_PASSWORD],
      ['there@x.test', MASTER_PASSWORD],
      ['admin@x.test', MASTER_PASSWORD],
      ['*admin@x.test', MASTER_PASSWORD],
      ['there@x.test*', MASTER_PASSWORD],
    ] as const)
      t.match(await test(user, password), { code: 77 }, `${user} with “${password}”`)
    t.match(await test('there@x.test', PASSWORD), { code: 0 }, 'users get in as before')
    await t.resolves(homing.waitForLog('"user":"there@x.test"', '"master_user":"admin@x.test"'))
  })
}

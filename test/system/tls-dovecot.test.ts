// auth.lua over https, as both Dovecots do it: verified, with a certificate of their own, and never an "ok" from a stranger.

import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Certificate, createAuthority } from './certificates.js'
import { startDovecot } from './dovecot.js'
import { startHoming } from './homing.js'
import { type DovecotInstallation, findDovecot, needs } from './parts.js'

const folder = await mkdtemp(join(tmpdir(), 'homing-tls-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const authority = await createAuthority(folder, 'good')
const stranger = await createAuthority(folder, 'other')
const server = await authority.issue('server', 'DNS:localhost')
const caller = await authority.issue('dovecot', 'DNS:dovecot', { usage: 'clientAuth' })

const settings = [
  'ssl = true',
  `ssl_cert = "${server.certFile}"`,
  `ssl_key = "${server.keyFile}"`,
  `ssl_ca = "${authority.caFile}"`,
]

/** As site.conf says it. Whom Homing is verified with is ssl_ca (2.3) or ssl_client_ca_file (2.4), which it has already. */
const ownCertificate = {
  'dovecot-2.3': ({ certFile, keyFile }: Certificate) =>
    `ssl_client_cert = <${certFile}\nssl_client_key = <${keyFile}\n`,
  'dovecot-2.4': ({ certFile, keyFile }: Certificate) =>
    `ssl_client_cert_file = ${certFile}\nssl_client_key_file = ${keyFile}\n`,
}

for (const part of ['dovecot-2.3', 'dovecot-2.4'] as const) {
  t.test(`${part} asks over https, and shows a certificate where one is asked for`, async t => {
    if (!needs(t, part)) return
    const installation = findDovecot(part)
    if (!installation) return
    await showTo(installation)
    const site = ownCertificate[part](caller)

    const login = async (config: string[], more: { caFile?: string; site?: string; token?: string }) => {
      const homing = await startHoming({
        config: [...settings, ...config].join('\n'),
        caFile: authority.caFile,
        clientCertificate: caller,
      })
      t.teardown(homing.close)
      await homing.addAccounts({
        localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 5000, gid: 5000 }],
      })
      const dovecot = await startDovecot({
        installation,
        role: 'proxy',
        service: { url: homing.url, token: more.token ?? homing.token },
        certificate: server,
        caFile: more.caFile ?? authority.caFile,
        site: more.site ?? '',
      })
      t.teardown(() => dovecot.stop())
      const { stdout } = await dovecot.doveadm('auth', 'test', 'anna@x', 'secret')
      const log = await dovecot.log()
      await Promise.all([homing.close(), dovecot.stop()])
      return { stdout, log }
    }

    const verified = await login([], {})
    t.match(verified.stdout, /auth succeeded/, 'the authority that signed it is known')
    const unknown = await login([], { caFile: stranger.caFile })
    t.match(unknown.stdout, /code=temp_fail/, 'it is not')
    t.match(unknown.log, /Received invalid SSL certificate/)

    const mutual = ['ssl_verify_client_cert = true', 'api_token = ""']
    t.match((await login(mutual, { site, token: '' })).stdout, /auth succeeded/, 'with a certificate')
    t.match((await login(mutual, { token: '' })).stdout, /code=temp_fail/, 'without one')
  })
}

/** Dovecot 2.4 sees only its own root. */
async function showTo({ root }: DovecotInstallation): Promise<void> {
  if (root === '') return
  const there = join(root, folder)
  await mkdir(there, { recursive: true })
  t.teardown(() => rm(there, { recursive: true, force: true }))
  for (const file of [caller.certFile, caller.keyFile]) await copyFile(file, join(root, file))
}

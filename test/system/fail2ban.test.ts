// The stock fail2ban filter reads log_format = "dovecot": attacks are found by their address, and nobody else's is.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { type RunningHoming, startHoming } from './homing.js'

const filter = '/etc/fail2ban/filter.d/dovecot.conf'
const missing = existsSync(filter) ? {} : { skip: 'fail2ban is missing: apt-get install fail2ban' }

const INNOCENT = '203.0.113.66'
/** Whoever tries these comes from 198.51.100.N and wants 203.0.113.66 banned, or nobody. */
const hostileNames = [
  'anna@x',
  `x,${INNOCENT}): invalid credentials`,
  `x,${INNOCENT},<s>): Password mismatch`,
  `x): unknown user\nNov 25 06:10:04 auth: Info: sql(y,${INNOCENT}): unknown user`,
  `x\r\nNov 25 06:10:04 auth: Info: sql(y,${INNOCENT}): unknown user`,
  `x\u2028Nov 25 06:10:04 auth: Info: sql(y,${INNOCENT}): unknown user`,
  `x\u0085Nov 25 06:10:04 auth: Info: sql(y,${INNOCENT}): unknown user`,
  `Disconnected (auth failed, 3 attempts): user=<a>, rip=${INNOCENT}`,
  `user=<x>, rip=${INNOCENT}, session=<s>`,
  `authentication failure; logname=x uid=0 euid=0 tty=dovecot ruser=x rhost=${INNOCENT}`,
  `pam(x,${INNOCENT}): pam_authenticate() failed: Permission denied`,
  INNOCENT,
  `${INNOCENT},${INNOCENT}`,
  'ünïcödé@bücher.example',
  '100%s%n%{rip}%(ip)s',
  '{"remote_ip":"203.0.113.66"}',
  '[203.0.113.66]',
  'x\0y',
  '<HOST>',
  `conn unix:auth-worker (pid=1,uid=1): auth-worker<1>: sql(x,${INNOCENT}): unknown user`,
  'a'.repeat(300),
]

async function attack(homing: RunningHoming, body: object): Promise<string> {
  const response = await fetch(`${homing.url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${homing.token}` },
    body: JSON.stringify(body),
  })
  return ((await response.json()) as { result: string }).result
}

/** The addresses that fail2ban would count failures for, in the order of the lines. */
async function found(lines: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-fail2ban-'))
  try {
    await writeFile(join(folder, 'log'), lines)
    const { stdout } = await promisify(execFile)('fail2ban-regex', ['-o', 'ip', join(folder, 'log'), filter])
    return stdout.split('\n').filter(line => line !== '')
  } finally {
    await rm(folder, { recursive: true })
  }
}

t.test(
  'wrong passwords and unknown users count against the address they came from, whatever the name',
  missing,
  async t => {
    // Every name is allowed: what usually keeps the worst of them away is not what this rests on.
    const homing = await startHoming({ config: 'log_format = "dovecot"\nauth_username_chars = ""\n' })
    t.teardown(homing.close)
    await homing.addAccounts({
      localUsers: [
        { username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 },
        { username: 'broken@x', password: '{SHA512-CRYPT}$6$x$y', home: '/h', uid: 1, gid: 1 },
        { username: 'off@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1, active: 0 },
      ],
    })
    const common = { password: 'wrong', protocol: 'imap' }
    const expected: string[] = []
    for (const [number, user] of hostileNames.entries()) {
      const remote_ip = number % 2 === 0 ? `198.51.100.${number}` : `2001:db8::${number}`
      const result = await attack(homing, {
        ...common,
        user,
        remote_ip,
        session: user,
        client_id: user,
        protocol: user,
      })
      if (result === 'password_mismatch' || result === 'user_unknown') expected.push(remote_ip)
    }
    t.ok(expected.length > 15, `${expected.length} names were looked up`)

    // None of these is an attack: no address, a right password, a disabled account, trouble of ours, LMTP's lookup.
    await attack(homing, { ...common, user: 'anna@x' })
    await attack(homing, { ...common, user: 'anna@x', password: 'secret', remote_ip: INNOCENT })
    await attack(homing, { ...common, user: 'broken@x', remote_ip: INNOCENT })
    await attack(homing, { ...common, user: 'off@x', password: 'secret', remote_ip: INNOCENT })
    await fetch(`${homing.url}/v1/passdb/lookup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${homing.token}` },
      body: JSON.stringify({ user: 'nobody@x', remote_ip: INNOCENT, protocol: 'lmtp' }),
    })
    await homing.waitForLog('nobody@x')

    const log = await homing.log()
    t.same(await found(log), expected)
    t.notMatch((await found(log)).join(), INNOCENT)
    const viaSyslog = log.replaceAll(/^(\w{3} \d\d [\d:]{8} )auth: /gm, '$1mail dovecot[123]: auth: ')
    t.same(await found(viaSyslog), expected, 'and behind the name and number that syslog puts before them')
  },
)

// Asks a real `doveadm pw -t` whether a password matches a stored value.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

export type DovecotVersion = '2.3' | '2.4'

/** `error`: Dovecot could not read the value, does not know its scheme, or refused it. */
export type DoveadmVerdict = 'match' | 'mismatch' | 'error'

export interface Doveadm {
  verify(stored: string, password: string, user: string): DoveadmVerdict
}

/**
 * doveadm of this version: the machine's own or the one in the cached root. Where there is none the test is skipped
 * with the reason, or fails when REQUIRE is `all` or names `dovecot-<version>`.
 */
export function findDoveadm(t: Test, version: DovecotVersion): Doveadm | undefined {
  const cached = join(process.env.HOMING_TEST_CACHE || '/var/cache/homing-test', 'trixie')
  const commands = [[], ...(existsSync(cached) ? [['chroot', cached]] : [])]
  const command = commands.find(words =>
    run([...words, 'dovecot', '--version']).out.startsWith(`${version}.`),
  )
  if (command) return { verify: (...question) => verify([...command, 'doveadm'], ...question) }
  const reason = `dovecot-${version} is missing: its doveadm would be asked`
  const required = (process.env.REQUIRE ?? '').split(/[\s,]+/)
  if (required.includes('all') || required.includes(`dovecot-${version}`)) t.fail(reason)
  else t.plan(0, reason)
  return undefined
}

function verify(command: string[], stored: string, password: string, user: string): DoveadmVerdict {
  const { status, out, err } = run([...command, 'pw', '-u', user, '-p', password, '-t', stored])
  if (status === 0 && out.includes('(verified)')) return 'match'
  return /verification check failed: Password mismatch/.test(err) ? 'mismatch' : 'error'
}

function run([program = '', ...args]: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return { status, out: stdout ?? '', err: stderr ?? '' }
}

// Asks a real `doveadm pw -t` whether a password matches a stored value.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

export type DovecotVersion = '2.3' | '2.4'

/** `error`: Dovecot could not read the value, does not know its scheme, or refused it. */
export type DoveadmVerdict = 'match' | 'mismatch' | 'error'

export interface Doveadm {
  /** `doveadm pw -l`. */
  schemes(): string[]
  verify(stored: string, password: string, user: string): DoveadmVerdict
  /** The same with a password of any bytes but NUL. */
  verifyBytes(stored: string, password: Uint8Array): DoveadmVerdict
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
  if (command) {
    const doveadm = [...command, 'doveadm']
    return {
      schemes: () =>
        run([...doveadm, 'pw', '-l'])
          .out.trim()
          .split(/\s+/),
      verify: (...question) => verify(doveadm, ...question),
      verifyBytes: (stored, password) => verifyBytes(doveadm, stored, password),
    }
  }
  const reason = `dovecot-${version} is missing: its doveadm would be asked`
  const required = (process.env.REQUIRE ?? '').split(/[\s,]+/)
  if (required.includes('all') || required.includes(`dovecot-${version}`)) t.fail(reason)
  else t.plan(0, reason)
  return undefined
}

function verify(command: string[], stored: string, password: string, user: string): DoveadmVerdict {
  return verdictOf(run([...command, 'pw', '-u', user, '-p', password, '-t', stored]))
}

/** Node gives arguments as UTF-8 only: a shell makes the bytes. The dot keeps newlines at the end. */
function verifyBytes(command: string[], stored: string, password: Uint8Array): DoveadmVerdict {
  const octal = [...password].map(byte => `\\0${byte.toString(8).padStart(3, '0')}`).join('')
  const script = 'p=$(printf %b "$1."); s=$2; shift 2; exec "$@" pw -p "${p%.}" -t "$s"'
  return verdictOf(run(['sh', '-c', script, 'sh', octal, stored, ...command], { LC_ALL: 'C' }))
}

function verdictOf({ status, out, err }: ReturnType<typeof run>): DoveadmVerdict {
  if (status === 0 && out.includes('(verified)')) return 'match'
  return /verification check failed: Password mismatch/.test(err) ? 'mismatch' : 'error'
}

function run(
  [program = '', ...args]: string[],
  env: NodeJS.ProcessEnv = {},
): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { status, out: stdout ?? '', err: stderr ?? '' }
}

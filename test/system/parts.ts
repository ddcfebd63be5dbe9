// What this machine has of the servers that the system tests run against.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

export type Part = 'dovecot-2.3' | 'dovecot-2.4' | 'mariadb'

/** An installed Dovecot: `root` is the folder it must be chrooted to, empty when it is the machine's own. */
export interface DovecotInstallation {
  readonly root: string
  readonly version: string
}

export interface Parts {
  readonly 'dovecot-2.3': DovecotInstallation | undefined
  readonly 'dovecot-2.4': DovecotInstallation | undefined
  readonly mariadb: string | undefined
}

/** Where install-parts.mjs puts a Debian trixie with Dovecot 2.4. */
export function cachedRoot(): string {
  const cache = process.env.HOMING_TEST_CACHE ?? '/var/cache/homing-test'
  return join(cache, 'trixie')
}

let found: Parts | undefined

/** Looks once per process. */
export function findParts(): Parts {
  found ??= {
    'dovecot-2.3': findDovecot('2.3'),
    'dovecot-2.4': findDovecot('2.4'),
    mariadb: ['/usr/sbin/mariadbd', '/usr/local/sbin/mariadbd'].find(existsSync),
  }
  return found
}

/**
 * Whether the parts are there. If not, the test is skipped with the part's name and how to get it, or fails
 * when REQUIRE is `all` or names the part.
 */
export function needs(t: Test, ...wanted: Part[]): boolean {
  const missing = wanted.filter(part => findParts()[part] === undefined)
  if (missing.length === 0) return true
  const reason = missing.map(part => `${part} is missing: ${howToGet[part]}`).join('; ')
  if (missing.some(isRequired)) t.fail(reason)
  else t.plan(0, reason)
  return false
}

const installHint = 'run `node test/install-parts.mjs` as root on Debian'

const howToGet: Readonly<Record<Part, string>> = {
  'dovecot-2.3': `${installHint}, or install Dovecot 2.3 with its auth-lua, imapd, pop3d and lmtpd packages`,
  'dovecot-2.4': `${installHint}, or install Dovecot 2.4 with its auth-lua, imapd, pop3d and lmtpd packages`,
  mariadb: `${installHint}, or install mariadb-server`,
}

function isRequired(part: Part): boolean {
  const required = (process.env.REQUIRE ?? '').split(/[\s,]+/)
  return required.includes('all') || required.includes(part)
}

/** Dovecot starts its processes under several users, so only root can run it as it runs in earnest. */
function findDovecot(major: '2.3' | '2.4'): DovecotInstallation | undefined {
  if (process.getuid?.() !== 0) return undefined
  return ['', cachedRoot()]
    .map(root => ({ root, version: versionOf(root) }))
    .find(({ root, version }) => version.startsWith(`${major}.`) && hasLua(root))
}

function versionOf(root: string): string {
  if (!existsSync(join('/', root, 'usr/sbin/dovecot'))) return ''
  const command = root === '' ? ['dovecot', '--version'] : ['chroot', root, 'dovecot', '--version']
  try {
    return execFileSync(command[0] ?? '', command.slice(1), {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return ''
  }
}

function hasLua(root: string): boolean {
  return ['usr/lib/dovecot/modules/auth/libauthdb_lua.so', 'usr/lib/dovecot/modules/auth/libdriver_lua.so']
    .map(path => join('/', root, path))
    .some(existsSync)
}

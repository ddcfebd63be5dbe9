// What this machine has of the servers that the system tests run against.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { whyNoMariadb } from './mariadb-server.js'
import { redisBinary } from './redis-server.js'

export type Part = Dovecot | 'mariadb' | 'redis' | 'promtool' | Program

/** Parts that are one program in PATH. */
const programs = ['haproxy', 'nginx', 'nft'] as const
type Program = (typeof programs)[number]

/** An installed Dovecot: `root` is the folder it must be chrooted to, empty when it is the machine's own. */
export interface DovecotInstallation {
  readonly root: string
  readonly version: string
}

type Dovecot = 'dovecot-2.3' | 'dovecot-2.4'

/** The Debian that has this Dovecot; install-parts.mjs makes a folder with it where the machine itself is another. */
const suites: Readonly<Record<Dovecot, string>> = { 'dovecot-2.3': 'bookworm', 'dovecot-2.4': 'trixie' }

const cache = process.env.HOMING_TEST_CACHE || '/var/cache/homing-test'

const found = new Map<Dovecot, DovecotInstallation | undefined>()

/** Dovecot starts its processes under several users, so only root can run it as it runs in earnest. */
export function findDovecot(part: Dovecot): DovecotInstallation | undefined {
  if (!found.has(part)) found.set(part, process.getuid?.() === 0 ? look(part) : undefined)
  return found.get(part)
}

/**
 * Whether the parts are there. If not, the test is skipped with the part's name and how to get it, or fails
 * when REQUIRE is `all` or names the part.
 */
export function needs(t: Test, ...wanted: Part[]): boolean {
  const missing = wanted.filter(part => !isThere(part))
  if (missing.length === 0) return true
  const reason = missing.map(part => `${part} is missing: ${howToGet[part]}`).join('; ')
  if (missing.some(isRequired)) t.fail(reason)
  else t.plan(0, reason)
  return false
}

/** A tap `skip`: the reason where something is missing, unless REQUIRE is `all` or names it: then the test runs, and fails. */
export function skipWithout(part: string, isThere: boolean, reason: string): string | false {
  return isThere || isRequired(part) ? false : reason
}

const installHint =
  process.getuid?.() === 0
    ? 'run `node test/install-parts.mjs` on Debian'
    : 'run the tests as root, as Dovecot is in earnest, on Debian after `node test/install-parts.mjs`'

const howToGet: Readonly<Record<Part, string>> = {
  'dovecot-2.3': `${installHint}, or install Dovecot 2.3 with its auth-lua, imapd, pop3d and lmtpd packages`,
  'dovecot-2.4': `${installHint}, or install Dovecot 2.4 with its auth-lua, imapd, pop3d and lmtpd packages`,
  mariadb: `${installHint}, or install mariadb-server`,
  redis: `${installHint}, or install valkey-server or redis-server`,
  haproxy: `${installHint}, or install haproxy`,
  nginx: `${installHint}, or install nginx`,
  nft: `${installHint}, or install nftables`,
  promtool: `${installHint}, or put promtool of Prometheus in PATH`,
}

function isRequired(part: string): boolean {
  const required = (process.env.REQUIRE ?? '').split(/[\s,]+/)
  return required.includes('all') || required.includes(part)
}

function isThere(part: Part): boolean {
  if (isProgram(part)) return isInPath(part)
  if (part === 'redis') return redisBinary() !== undefined
  if (part === 'promtool') return promtool() !== undefined
  return part === 'mariadb' ? whyNoMariadb() === undefined : findDovecot(part) !== undefined
}

/** In PATH, or where install-parts.mjs has unpacked it. */
export function promtool(): string | undefined {
  const unpacked = join(cache, 'promtool')
  return isInPath('promtool') ? 'promtool' : existsSync(unpacked) ? unpacked : undefined
}

function isProgram(part: Part): part is Program {
  return programs.some(program => program === part)
}

function isInPath(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.some(folder => existsSync(join(folder, name)))
}

function look(part: Dovecot): DovecotInstallation | undefined {
  return ['', join(cache, suites[part])]
    .map(root => ({ root, version: versionOf(root) }))
    .find(({ root, version }) => version.startsWith(`${part.slice('dovecot-'.length)}.`) && hasLua(root))
}

function versionOf(root: string): string {
  if (root !== '' && !existsSync(join(root, 'usr/sbin/dovecot'))) return ''
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
  return ['usr/lib', 'usr/lib64', 'usr/local/lib'].some(lib =>
    existsSync(join('/', root, lib, 'dovecot/modules/auth/libauthdb_lua.so')),
  )
}

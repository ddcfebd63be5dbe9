// A Dovecot that does nothing but authenticate: started in a temporary folder, stopped whatever happens.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { DovecotVersion } from './passdb-block.js'

export interface DovecotAuth {
  /** Where logins go (auth-client protocol). */
  readonly clientSocket: string
  /** Where lookups go (auth-master protocol). */
  readonly lookupSocket: string
  /** Warnings and worse so far. */
  log(): string
  stop(): Promise<void>
}

export interface AuthConfig {
  /** passdb blocks and further settings; the word FOLDER stands for the folder that holds the files. */
  readonly config: string
  readonly files: Readonly<Record<string, string>>
}

/** The root of the file system in which this Dovecot is installed. */
export interface Installation {
  readonly version: DovecotVersion
  readonly root: string
}

const START_DEADLINE_MS = 15_000

/**
 * The installed Dovecot of this version: the machine's own or the one in the cached root. If there is none, the test
 * is skipped with the reason, or fails when REQUIRE is `all` or names `dovecot-<version>`.
 */
export function findDovecot(t: Test, version: DovecotVersion): Installation | undefined {
  const cached = join(process.env.HOMING_TEST_CACHE ?? '/var/cache/homing-test', 'trixie')
  const root = ['/', cached].find(root => isInstalled(root, version))
  if (root !== undefined && process.getuid?.() === 0) return { version, root }
  const reason =
    root === undefined
      ? `Dovecot ${version} with its Lua passdb is not installed`
      : 'starting Dovecot needs root'
  const required = (process.env.REQUIRE ?? '').split(/[\s,]+/)
  if (required.includes('all') || required.includes(`dovecot-${version}`)) t.fail(reason)
  else t.plan(0, reason)
  return undefined
}

function isInstalled(root: string, version: DovecotVersion): boolean {
  const lua = join(root, 'usr/lib/dovecot/modules/auth/libauthdb_lua.so')
  if (!existsSync(lua) || !existsSync(join(root, 'usr/sbin/dovecot'))) return false
  try {
    return execFileSync('chroot', [root, 'dovecot', '--version'], { stdio: 'pipe' })
      .toString()
      .startsWith(`${version}.`)
  } catch {
    return false
  }
}

/** Starts it and waits until it listens. Throws with Dovecot's own words when it does not come up. */
export async function startDovecotAuth(
  { version, root }: Installation,
  { config, files }: AuthConfig,
): Promise<DovecotAuth> {
  const folder = mkdtempSync(join(root, 'tmp/homing-chain-'))
  const inside = join('/', folder.slice(root.length))
  chmodSync(folder, 0o755)
  const all = { ...files, 'dovecot.conf': bases[version] + common + config }
  for (const [name, text] of Object.entries(all)) {
    writeFileSync(join(folder, name), text.replaceAll('FOLDER', inside))
  }
  const child = spawn('sh', ['-c', guard, 'sh', root, inside], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true, // A signal to our process group would end the guard before it has tidied up.
  })
  const clientSocket = join(folder, 'run/auth-client')
  const log = () => readIfThere(join(folder, 'log'))
  const stop = () => ended(child)
  try {
    await greets(clientSocket, log)
  } catch (cause) {
    await stop()
    throw cause
  }
  return { clientSocket, lookupSocket: join(folder, 'run/auth-userdb'), log, stop }
}

/** Dovecot ends, and its folder goes, when our end of the pipe does: even if we are killed. */
const guard = `
chroot "$1" dovecot -F -c "$2/dovecot.conf" 2>>"$1$2/log" & pid=$!
read -r _
kill $pid 2>/dev/null
wait $pid
rm -rf "$1$2"`

const bases: Readonly<Record<DovecotVersion, string>> = {
  '2.3': `
disable_plaintext_auth = no
userdb {
  driver = static
  args = uid=1000 gid=1000 home=/nonexistent
}`,
  '2.4': `
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
auth_allow_cleartext = yes
auth_internal_failure_delay = 0
userdb static {
  fields {
    uid = 1000
    gid = 1000
    home = /nonexistent
  }
}`,
}

const common = `
base_dir = FOLDER/run
state_dir = FOLDER/state
log_path = FOLDER/log
info_log_path = /dev/null
protocols =
ssl = no
auth_failure_delay = 0
auth_mechanisms = plain cram-md5
service auth {
  unix_listener auth-client {
    mode = 0600
  }
  unix_listener auth-userdb {
    mode = 0600
  }
}
`

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exit = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.stdin?.end()
  await exit
}

/** Resolves once the auth process greets: master listens before it knows whether auth can start. */
async function greets(socket: string, log: () => string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS
  while (!(await isGreeted(socket))) {
    if (/Fatal/.test(log()) || performance.now() > deadline) {
      throw new Error(`Dovecot did not start:\n${log()}`)
    }
    await sleep(20)
  }
}

function isGreeted(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(path)
    const answer = (greeted: boolean) => {
      socket.destroy()
      resolve(greeted)
    }
    socket.setTimeout(START_DEADLINE_MS, () => answer(false))
    socket.once('data', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('close', () => answer(false))
  })
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

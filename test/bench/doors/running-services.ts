// What the Dovecots of the end-to-end measurement ask: Homing as it is installed, and the bare service.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { AskedService } from '../../system/doors.js'

export interface RunningService {
  readonly service: AskedService
  stop(): Promise<void>
}

const TOKEN = 'bench'
const program = join(import.meta.dirname, '../../../src/cli/homing.js')

/** `homing serve` with the database's tables made; its files are `homing-{cache}.*` in the folder. */
export async function startHoming(
  folder: string,
  databaseUrl: string,
  cache: 'off' | 'on',
): Promise<RunningService> {
  const file = join(folder, `homing-${cache}.toml`)
  const sockets = socketFolder()
  writeFileSync(
    file,
    `database_url = "${databaseUrl}"\nlisten = ["127.0.0.1:0"]\napi_token = "${TOKEN}"\n` +
      `dict_listen = ["unix:${sockets}/dict.sock"]\nunix_listener_mode = "0666"\n` +
      (cache === 'on' ? 'auth_cache_size = "64M"\n' : ''),
    { mode: 0o600 },
  )
  await promisify(execFile)(process.execPath, [program, 'migrate', '--config', file])
  const log = join(folder, `homing-${cache}.log`)
  const output = openSync(log, 'a')
  const child = spawn(process.execPath, [program, 'serve', '--config', file], {
    stdio: ['ignore', output, output],
  })
  return running(child, await printed(/127\.0\.0\.1:(\d+)/, log, child), sockets)
}

/** The program of `startBare`, as it stands among the arguments of its process. */
export const BARE_PROGRAM = join(import.meta.dirname, 'bare-service.js')

/** The bare service; the tables are there. */
export async function startBare(folder: string, databaseUrl: string): Promise<RunningService> {
  const sockets = socketFolder()
  const log = join(folder, 'bare.log')
  const output = openSync(log, 'a')
  const child = spawn(process.execPath, [BARE_PROGRAM, sockets], {
    stdio: ['ignore', output, output],
    env: { ...process.env, BARE_DATABASE_URL: databaseUrl },
  })
  return running(child, await printed(/^(\d+)$/m, log, child), sockets)
}

/** Dovecot has to reach into it. */
function socketFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'homing-bench-'))
  chmodSync(folder, 0o755)
  return folder
}

function running(child: ChildProcess, port: string, socketFolder: string): RunningService {
  return {
    service: { url: `http://127.0.0.1:${port}`, token: TOKEN, socketFolder },
    stop: async () => {
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
      rmSync(socketFolder, { recursive: true, force: true })
    },
  }
}

/** What the program says when it is ready. */
async function printed(pattern: RegExp, log: string, child: ChildProcess): Promise<string> {
  while (child.exitCode === null) {
    const found = pattern.exec(readFileSync(log, 'utf8'))?.[1]
    if (found !== undefined) return found
    await sleep(50)
  }
  throw new Error(`${child.spawnargs.join(' ')} ended before it was ready:\n${readFileSync(log, 'utf8')}`)
}

// The command line as a user runs it: the built executable, in a folder of the test's own.

import { type ChildProcess, type SpawnSyncOptions, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface CommandLine {
  /** The default database and homing.toml are looked for where the program runs. */
  readonly folder: string
  readonly program: string
  run(args: readonly string[], options?: SpawnSyncOptions & { env?: NodeJS.ProcessEnv }): Ran
  homing(...args: string[]): Ran
  withInput(input: string, ...args: string[]): Ran
  /** Nothing of the tester's own settings. */
  environment(more?: NodeJS.ProcessEnv): NodeJS.ProcessEnv
  /** Killed with the test, if it still runs then. */
  readonly running: Set<ChildProcess>
}

/** Its folder goes with the test. */
export function commandLine(t: Test): CommandLine {
  const program = fileURLToPath(new URL('../../src/cli/homing.js', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'homing-cli-'))
  const running = new Set<ChildProcess>()
  t.teardown(() => {
    for (const child of running) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const environment = (more: NodeJS.ProcessEnv = {}) => ({ PATH: process.env.PATH, ...more })
  const run: CommandLine['run'] = (args, options = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      cwd: folder,
      input: '',
      timeout: 60_000,
      ...options,
      env: environment(options.env),
      encoding: 'utf8',
    })
    return { code: status, out: String(stdout), err: String(stderr) }
  }
  return {
    folder,
    program,
    run,
    homing: (...args) => run(args),
    withInput: (input, ...args) => run(args, { input }),
    environment,
    running,
  }
}

// The processes of a measurement: servers that say when they are ready, and what puts a load on them.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { LoadResult } from './load-result.js'

/** One core for the server, another for the load, where there are two and a way to say so; else undefined. */
export const [serverCore, loadCore] = existsSync('/usr/bin/taskset') ? ['0', '1'] : [undefined, undefined]

/** A compiled file of this folder. */
export const here = (name: string): string => join(import.meta.dirname, name)
export const program = here('../../src/cli/homing.js')

type Environment = Readonly<Record<string, string>>

export interface ServerOptions {
  readonly env?: Environment
  readonly core?: string | undefined
}

export interface BenchProcesses {
  /** Where they run; gone when they are closed. */
  readonly folder: string
  /**
   * Starts a Node program with its arguments; resolves to its process and the number that its output shows first. Rejects
   * when it ends before.
   */
  start(
    args: readonly string[],
    pattern: RegExp,
    options?: ServerOptions,
  ): Promise<{ readonly pid: number; readonly number: number }>
  /** Runs a command of Homing to its end. */
  homing(args: readonly string[], env: Environment): void
  /** Runs a load generator of this folder (`http-load.js`) in a process of its own. */
  runLoad(generator: string, load: object, core?: string): Promise<LoadResult>
  /** Ends the servers. */
  stop(): void
  /** And removes the folder. */
  close(): void
}

export function openBenchProcesses(folder = mkdtempSync(join(tmpdir(), 'homing-bench-'))): BenchProcesses {
  const children: ChildProcess[] = []
  const stop = () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  }
  return {
    folder,
    start: (args, pattern, { env = {}, core } = {}) => {
      const [command = '', ...rest] = [...pin(core), process.execPath, ...args]
      const child = spawn(command, rest, {
        cwd: folder,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      children.push(child)
      return new Promise((resolve, reject) => {
        child.on('exit', code => reject(new Error(`the server ended with ${code} before it was ready`)))
        createInterface(child.stdout).on('line', line => {
          const found = pattern.exec(line)
          if (found) resolve({ pid: child.pid ?? 0, number: Number(found[1]) })
        })
      })
    },
    homing: (args, env) => {
      execFileSync(process.execPath, [program, ...args], {
        cwd: folder,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    },
    runLoad: (generator, load, core) => {
      const file = join(folder, 'load.json')
      writeFileSync(file, JSON.stringify(load))
      const [command = '', ...args] = [...pin(core), process.execPath, here(generator), file]
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      return new Promise((resolve, reject) => {
        let output = ''
        child.stdout.on('data', (text: Buffer) => {
          output += text
        })
        child.on('exit', code =>
          code === 0
            ? resolve(JSON.parse(output))
            : reject(new Error(`the load generator ended with ${code}`)),
        )
      })
    },
    stop,
    close: () => {
      stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const pin = (core: string | undefined): string[] => (core === undefined ? [] : ['taskset', '-c', core])

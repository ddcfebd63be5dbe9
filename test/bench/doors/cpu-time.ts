// How much CPU time processes use, with all their children: Linux, from /proc.

import { readdirSync, readFileSync } from 'node:fs'

const TICK_MICROS = 10_000

interface Process {
  readonly pid: number
  readonly parent: number
  readonly micros: number
}

/** Which processes are meant: those with `family` in their command line, and their living descendants. */
export interface ProcessFamily {
  readonly family: string
  /** Only those whose whole command line this is. */
  readonly only?: RegExp
}

/** Microseconds of CPU that they have used so far. */
export function cpuMicros({ family, only }: ProcessFamily): number {
  const all = processes()
  const isFamily = (process: Process): boolean =>
    commandOf(process.pid).includes(family) ||
    all.some(other => other.pid === process.parent && isFamily(other))
  return all
    .filter(process => isFamily(process) && (only === undefined || only.test(commandOf(process.pid))))
    .reduce((sum, { micros }) => sum + micros, 0)
}

function processes(): Process[] {
  return readdirSync('/proc')
    .map(Number)
    .filter(Number.isInteger)
    .flatMap(pid => statOf(pid) ?? [])
}

/** proc(5): after the name in parentheses come state and parent; the 12th and 13th word are user and system time. */
function statOf(pid: number): Process | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(words[1]), micros: (Number(words[11]) + Number(words[12])) * TICK_MICROS }
  } catch {
    return undefined
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

// Timings count while nobody else uses the machine: how much of it others took, and measuring again until it is little.

import { readdirSync, readFileSync } from 'node:fs'

/** Of all cores; above it a measurement is of the others. */
const QUIET_SHARE = 0.08
/** USER_HZ, which Linux fixes for everybody outside the kernel. */
const JIFFY_MS = 10

export interface Quiet<T> {
  readonly measured: T
  /** How much of the machine's cores others used meanwhile, from 0 to 1. */
  readonly others: number
}

/** CPU time of everything that belongs to the measurement, in milliseconds. */
export type OwnCpuMs = () => number

/** What the threads of a process have taken: those that stand back behind the others (niceness), and the others. */
export function threadCpu(pid: number): { niceMs: number; otherMs: number } {
  const sum = { niceMs: 0, otherMs: 0 }
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
    // proc(5): the name in brackets may hold anything; utime, stime and nice are fields 14, 15 and 19.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [utime = 0, stime = 0, nice = 0] = [fields[11], fields[12], fields[16]]
    sum[nice > 0 ? 'niceMs' : 'otherMs'] += (utime + stime) * JIFFY_MS
  }
  return sum
}

/**
 * Measures until others hardly disturb, or until `deadline` (performance.now()), once at least. Returns the measurement that
 * was disturbed least, and whether it was quiet enough.
 */
export async function quietly<T>(
  deadline: number,
  ownCpuMs: OwnCpuMs,
  measure: () => Promise<T>,
): Promise<Quiet<T>> {
  let best: Quiet<T> | undefined
  do {
    const before = { machine: machineCpu(), own: ownCpuMs() }
    const measured = await measure()
    const after = { machine: machineCpu(), own: ownCpuMs() }
    const busyMs = after.machine.busyMs - before.machine.busyMs - (after.own - before.own)
    const others = Math.max(0, busyMs / (after.machine.allMs - before.machine.allMs))
    if (!best || others < best.others) best = { measured, others }
  } while (best.others > QUIET_SHARE && performance.now() < deadline)
  return best
}

export const isQuiet = ({ others }: Quiet<unknown>): boolean => others <= QUIET_SHARE

/** /proc/stat: user nice system idle iowait irq softirq steal … */
function machineCpu(): { busyMs: number; allMs: number } {
  const [, ...fields] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.split(/ +/) ?? []
  const jiffies = fields.slice(0, 8).map(Number)
  const all = jiffies.reduce((sum, value) => sum + value, 0)
  const [, , , idle = 0, iowait = 0] = jiffies
  return { busyMs: (all - idle - iowait) * JIFFY_MS, allMs: all * JIFFY_MS }
}

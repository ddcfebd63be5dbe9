// A thread that takes all it can get, and lets everybody else go first.

import { readlinkSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import type { Breathe } from './sha-crypt-engine.js'

/**
 * How much nicer than the rest of the process: little. With all there is (19) lookups beside busy hash threads are twice as
 * quick, but where other programs keep all cores busy such a thread gets a hundredth of one: a hash then takes a second, and
 * logins fail for want of time.
 */
const NICENESS = 5
const NICEST = 19
/** An instant of sleep; without the slack that Linux adds it is a few microseconds. */
const BREATH_MS = 0.001

/**
 * Makes this thread the one that waits where all cores are busy. Being nice is not enough: Linux lets a thread that has
 * begun go on for some milliseconds whoever wakes up, so it must breathe in between (sched(7), EEVDF).
 */
export function standBack(): Breathe {
  // Elsewhere niceness is the whole process's.
  if (process.platform !== 'linux') return () => {}
  attempt(() => setPriority(Math.min(NICEST, getPriority() + NICENESS)))
  // A breath takes 50 µs longer where this is not allowed.
  attempt(() => writeFileSync(`/proc/${threadId()}/timerslack_ns`, '1'))
  const never = new Int32Array(new SharedArrayBuffer(4))
  return () => {
    Atomics.wait(never, 0, 0, BREATH_MS)
  }
}

/** `/proc/thread-self` is a link to `PID/task/TID`. */
function threadId(): string {
  return readlinkSync('/proc/thread-self').split('/').at(-1) ?? ''
}

/** What is not allowed here leaves the thread as it was. */
function attempt(change: () => void): void {
  try {
    change()
  } catch {}
}

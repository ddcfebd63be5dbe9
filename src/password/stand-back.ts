// Threads that take all they can get, and let everybody else go first.

import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import type { Breathe } from './sha-crypt-engine.js'

/**
 * How much nicer than the event loop. Not all there is: at 19 a thread gets a hundredth of a core where other programs keep
 * all of them busy; a hash then takes a second, and logins fail for want of time. At 10 it is a tenth.
 */
export const niceness = { hashing: 10, helping: 11 } as const
const NICEST = 19
/** Enough to really sleep: what is over before the kernel has looked at it lets nobody else run. */
const BREATH_MS = 0.03

/**
 * Makes this thread the one that waits where all cores are busy. Being nice is not enough: Linux lets a thread that has
 * begun go on for some milliseconds whoever wakes up, so it must breathe in between (sched(7), EEVDF).
 */
export function standBack(): Breathe {
  // Elsewhere niceness is the whole process's.
  if (process.platform !== 'linux') return () => {}
  attempt(() => setPriority(Math.min(NICEST, getPriority(process.pid) + niceness.hashing)))
  // A breath takes 50 µs longer where this is not allowed.
  attempt(() => writeFileSync(`/proc/${threadId()}/timerslack_ns`, '1'))
  const never = new Int32Array(new SharedArrayBuffer(4))
  return () => {
    Atomics.wait(never, 0, 0, BREATH_MS)
  }
}

/**
 * The same for the threads of Node itself that there are by now: they compile and collect garbage for milliseconds on end,
 * and whoever asks the event loop waits behind them. Beside busy hash threads the slowest lookups are twice as quick
 * (`npm run bench -- hash-load`). Threads that are nicer already stay as they are.
 */
export function helpersStandBack(): void {
  if (process.platform !== 'linux') return
  const own = getPriority(process.pid)
  const others = readdirSync('/proc/self/task')
    .map(Number)
    .filter(thread => thread !== process.pid)
  for (const thread of others) {
    // It may have ended meanwhile.
    attempt(() => {
      if (getPriority(thread) === own) setPriority(thread, Math.min(NICEST, own + niceness.helping))
    })
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

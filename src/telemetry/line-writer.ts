// Writes lines to a file descriptor off the caller's path. A full disk or a reader that stands still costs lines, which
// are counted, and never a login.

import { write } from 'node:fs'

export interface LineWriter {
  /** Takes a line, line break included; drops it when too much is waiting already. */
  write(line: string): void
  /**
   * The same for a line that is yet to be made: many are made in one go, which takes half the time of making each where it
   * comes up. It keeps its place among the lines. One that cannot be made counts as dropped.
   */
  writeMade(make: () => string): void
  /** Lines that were dropped, since the start. */
  dropped(): number
  /** Resolves when everything has been written, or after `deadlineMs`. */
  flush(deadlineMs?: number): Promise<void>
}

/** Lines are gathered up to this many characters, or a second, before one write: to another thread and back is most of it. */
const GATHERED = 65_536
const GATHERING_MS = 1000
/** Lines that are made in one go. */
const MADE_AT_ONCE = 64
/** As many characters may wait for a reader that stands still: some 30,000 lines. */
const WAITING = 8 * 1024 * 1024
const TRY_AGAIN_MS = 50
const FLUSH_DEADLINE_MS = 1000

export function createLineWriter(fd: number, limit = WAITING): LineWriter {
  let unmade: (() => string)[] = []
  let waiting: string[] = []
  let waitingLength = 0
  let writing: Promise<void> | undefined
  let droppedLines = 0
  let isEnding = false
  const timer = setInterval(() => void writeOut(), GATHERING_MS)
  timer.unref()

  function take(line: string): void {
    if (waitingLength + line.length > limit) {
      droppedLines++
      return
    }
    waiting.push(line)
    waitingLength += line.length
    if (waitingLength >= GATHERED) void writeOut()
  }

  function makeAll(): void {
    const makes = unmade
    unmade = []
    for (const make of makes) takeMade(make)
  }

  /** Whoever happens to be here has nothing to do with a line that cannot be made. */
  function takeMade(make: () => string): void {
    let line: string
    try {
      line = make()
    } catch {
      droppedLines++
      return
    }
    take(line)
  }

  function writeOut(): Promise<void> {
    makeAll()
    writing ??= writeAll().finally(() => {
      writing = undefined
    })
    return writing
  }

  /** What is gathered while one write is under way waits for the next full one, or the last. */
  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const lines = waiting
      const bytes = Buffer.from(lines.join(''))
      waiting = []
      if (!(await writeBytes(fd, bytes))) droppedLines += lines.length
      // What is being written counts as waiting: it is in memory as well.
      waitingLength -= lines.reduce((length, line) => length + line.length, 0)
      if (waitingLength < GATHERED && !isEnding) break
    }
  }

  return {
    write: line => {
      makeAll()
      take(line)
    },
    writeMade: make => {
      unmade.push(make)
      if (unmade.length >= MADE_AT_ONCE) makeAll()
    },
    dropped: () => droppedLines,
    flush: async (deadlineMs = FLUSH_DEADLINE_MS) => {
      isEnding = true
      clearInterval(timer)
      let deadline: NodeJS.Timeout | undefined
      const late = new Promise<void>(resolve => {
        deadline = setTimeout(resolve, deadlineMs)
      })
      await Promise.race([Promise.resolve(writing).then(writeOut), late])
      clearTimeout(deadline)
    },
  }
}

/** false: what is left of the bytes cannot be written. */
async function writeBytes(fd: number, bytes: Buffer): Promise<boolean> {
  let done = 0
  while (done < bytes.length) {
    const result = await writeOnce(fd, bytes.subarray(done))
    if (typeof result === 'number') done += result
    else if (result.code === 'EAGAIN') await new Promise(resolve => setTimeout(resolve, TRY_AGAIN_MS).unref())
    else return false
  }
  return true
}

function writeOnce(fd: number, bytes: Buffer): Promise<number | NodeJS.ErrnoException> {
  return new Promise(resolve => write(fd, bytes, (error, written) => resolve(error ?? written)))
}

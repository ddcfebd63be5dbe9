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

/** Lines are gathered up to this many bytes, or a second, before one write: to another thread and back is most of it. */
const GATHERED = 65_536
const GATHERING_MS = 1000
/** Lines that are made in one go. */
const MADE_AT_ONCE = 64
/** As many bytes may wait for a reader that stands still: some 30,000 lines. */
const WAITING = 8 * 1024 * 1024
const TRY_AGAIN_MS = 50
const FLUSH_DEADLINE_MS = 1000

const LINE_BREAK = Buffer.from('\n')

export function createLineWriter(fd: number, limit = WAITING): LineWriter {
  let unmade: (() => string)[] = []
  /** As bytes: texts would be copied by V8's collector in the meantime, and logins wait while it does that. */
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let writing: Promise<void> | undefined
  let droppedLines = 0
  let isEnding = false
  /** The last write ended within a line: what comes next must not become a part of it. */
  let isCut = false
  const timer = setInterval(() => void writeOut(), GATHERING_MS)
  timer.unref()

  function take(lines: readonly string[]): void {
    let text = ''
    for (const line of lines) {
      if (waitingBytes + text.length + line.length > limit) droppedLines++
      else text += line
    }
    if (text === '') return
    const bytes = Buffer.from(text)
    waiting.push(bytes)
    waitingBytes += bytes.length
    if (waitingBytes >= GATHERED) void writeOut()
  }

  function makeAll(): void {
    if (unmade.length === 0) return
    const makes = unmade
    unmade = []
    take(makes.flatMap(made))
  }

  /** Whoever happens to be here has nothing to do with a line that cannot be made. */
  function made(make: () => string): string | [] {
    try {
      return make()
    } catch {
      droppedLines++
      return []
    }
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
      const pieces = waiting
      waiting = []
      const bytes = Buffer.concat(pieces)
      await writeLines(bytes)
      // What is being written counts as waiting: it is in memory as well.
      waitingBytes -= bytes.length
      if (waitingBytes < GATHERED && !isEnding) break
    }
  }

  async function writeLines(bytes: Buffer): Promise<void> {
    if (isCut && (await writeBytes(fd, LINE_BREAK)) === 1) isCut = false
    const written = isCut ? 0 : await writeBytes(fd, bytes)
    if (written > 0) isCut = bytes[written - 1] !== LINE_BREAK[0]
    if (written < bytes.length) droppedLines += linesIn(bytes.subarray(written))
  }

  return {
    write: line => {
      makeAll()
      take([line])
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

function linesIn(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf('\n'); at >= 0; at = bytes.indexOf('\n', at + 1)) lines++
  return lines
}

/** How many of the bytes were written, from the first on; what is left cannot be. */
async function writeBytes(fd: number, bytes: Buffer): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const result = await writeOnce(fd, bytes.subarray(done))
    if (typeof result === 'number') done += result
    else if (result.code === 'EAGAIN') await new Promise(resolve => setTimeout(resolve, TRY_AGAIN_MS).unref())
    else break
  }
  return done
}

function writeOnce(fd: number, bytes: Buffer): Promise<number | NodeJS.ErrnoException> {
  return new Promise(resolve => write(fd, bytes, (error, written) => resolve(error ?? written)))
}

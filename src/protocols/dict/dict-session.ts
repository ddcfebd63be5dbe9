// One connection of the dict protocol, without its socket: lines in, answers out.

import { TransientMap } from '../../model/transient-map.js'
import { answerDict, type DictEngine } from './dict-answer.js'
import { iteratePath, mayHoldPassword, parseDictKey, textOf } from './dict-key.js'
import {
  type DictHello,
  type DictIterate,
  expectsAnswer,
  type FormatFailure,
  formatCommitFailure,
  formatFailure,
  formatHiddenFailure,
  formatReply,
  formatRow,
  iterateFlags,
  parseCommand,
  parseHello,
} from './dict-wire.js'

/** Where answers go. */
export interface DictOutput {
  send(text: string): void
  /** The same for what nobody waits for: it goes out with what is sent next. */
  announce(text: string): void
  /** Whether so much waits for the peer to read it that nothing more should be made. */
  readonly isFull: boolean
  /** Resolves once it is not full any more, with false when the peer has gone. */
  room(): Promise<boolean>
  /** Ends the connection after what was sent. `why` is set when the peer is at fault. */
  end(why?: string): void
}

export interface DictSessionOptions {
  readonly engine: DictEngine
  readonly output: DictOutput
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** An exception that should never have happened; the question is answered as failed. */
  readonly reportBug: (error: unknown) => void
}

export interface DictSession {
  take(line: string): void
  /** A line that begins so is longer than a line may be: it is refused, and the connection ends. */
  takeTooLong(beginning: string): void
  /** How many commands wait for their answer. */
  readonly waiting: number
  readonly hasGreeted: boolean
  /** Answers every lookup as failed that came before `ms` (since 1970). */
  failStartedBefore(ms: number): void
  /** Takes nothing more, and ends the connection once all is answered. */
  finish(): void
  /** The peer has gone. */
  close(): void
}

/** A command that waits for its answer. */
interface Waiting {
  /** 0: the client wants its answers in order and without ids. */
  readonly id: number
  readonly startedAtMs: number
  /** A list may take long: it has an end as long as the client reads. */
  readonly isList: boolean
  /** How it is told that there is no answer. */
  formatTrouble: FormatFailure
  /** Set when it is answered and others before it are not. */
  reply?: string
  /** Called when all before it are answered. */
  isFirst?: () => void
}

const TEXT_OF_TRANSACTIONS = 'Homing stores nothing for others'
const ROWS_AT_ONCE_CHARACTERS = 16 * 1024

export function createDictSession({ engine, output, now, reportBug }: DictSessionOptions): DictSession {
  let hello: DictHello | undefined
  let lastId = 0
  let isFinishing = false
  let refusedBecause: string | undefined
  let isClosed = false
  const waiting = new TransientMap<Waiting, true>()

  return {
    take(line) {
      if (isClosed || isFinishing) return
      if (hello) return command(line, hello)
      const parsed = parseHello(line)
      if ('wrong' in parsed) return refuse(parsed.wrong)
      hello = parsed
    },
    takeTooLong(beginning) {
      if (isClosed || isFinishing) return
      if (hello && expectsAnswer(beginning)) {
        const one = begin()
        // Whatever stands in it has been forgotten.
        if (beginning.startsWith('L')) one.formatTrouble = formatHiddenFailure
        fail(one, 'the line is too long')
      }
      refuse('a line is too long')
    },
    get waiting() {
      return waiting.size
    },
    get hasGreeted() {
      return hello !== undefined
    },
    failStartedBefore(ms) {
      for (const one of waiting.keys()) {
        if (one.startedAtMs >= ms) return
        if (!one.isList) fail(one, 'no answer in time')
      }
    },
    finish() {
      isFinishing = true
      endWhenAnswered()
    },
    close() {
      isClosed = true
      for (const { isFirst } of waiting.keys()) isFirst?.()
      waiting.clear()
    },
  }

  function command(line: string, { user: helloUser }: DictHello): void {
    const parsed = parseCommand(line)
    if (parsed.kind === 'lookup') void lookup(begin(), parsed.key, parsed.user ?? helloUser)
    else if (parsed.kind === 'iterate') void iterate(begin(true), parsed)
    else if (parsed.kind === 'commit') answer(begin(), formatCommitFailure(parsed, TEXT_OF_TRANSACTIONS))
    else if (parsed.kind === 'broken') refuse(parsed.why)
  }

  /**
   * The client is told that the command was taken, if it knows ids: before its answer, and early enough with it. A list may
   * take long.
   */
  function begin(isList = false): Waiting {
    const id = hello?.isAsync ? ++lastId : 0
    const one: Waiting = { id, startedAtMs: now(), isList, formatTrouble: formatFailure }
    waiting.set(one, true)
    if (one.id > 0) {
      const tell = isList ? output.send : output.announce
      tell(`*${one.id}\n`)
    }
    return one
  }

  function answer(one: Waiting, reply: string): void {
    if (!waiting.has(one) || one.reply !== undefined) return
    if (one.id > 0) {
      output.send(`+${one.id}\t${reply}${timesOf(one.startedAtMs, now())}\n`)
      waiting.delete(one)
    } else {
      one.reply = reply
      sendInOrder()
    }
    endWhenAnswered()
  }

  function fail(one: Waiting, why: string): void {
    answer(one, one.formatTrouble(why))
  }

  function sendInOrder(): void {
    for (const one of waiting.keys()) {
      if (one.reply === undefined) {
        one.isFirst?.()
        return
      }
      output.send(`${one.reply}\n`)
      waiting.delete(one)
    }
  }

  async function lookup(one: Waiting, key: string, user: string): Promise<void> {
    try {
      const question = parseDictKey(key, user)
      if (mayHoldPassword(key, question)) one.formatTrouble = formatHiddenFailure
      answer(one, formatReply(await answerDict(engine, question), one.formatTrouble))
    } catch (error) {
      reportBug(error)
      fail(one, 'internal failure')
    }
  }

  async function iterate(one: Waiting, asked: DictIterate): Promise<void> {
    const refusal = whyNotListed(asked)
    if (refusal !== undefined) return fail(one, refusal)
    if (one.id === 0) await turnOf(one)
    try {
      const isWhole = await sendRows(one, asked)
      if (isWhole) answer(one, '')
    } catch (error) {
      reportBug(error)
      fail(one, 'the listing broke off')
    }
  }

  /** Rows carry no name of their command without ids: they must wait until all before it are answered. */
  function turnOf(one: Waiting): Promise<void> {
    const [first] = waiting.keys()
    if (first === one || isClosed) return Promise.resolve()
    return new Promise(resolve => {
      one.isFirst = resolve
    })
  }

  /** False when nobody waits for them any more. */
  async function sendRows(one: Waiting, { maxRows, user }: DictIterate): Promise<boolean> {
    const mask = user !== undefined && /[*?]/.test(user) ? textOf(user) : '*'
    const prefix = one.id > 0 ? `+${one.id}\t` : ''
    let rows = ''
    let count = 0
    if (!waiting.has(one)) return false
    for await (const name of engine.auth.listUsers(mask)) {
      if (!waiting.has(one)) return false
      rows += `${prefix}${formatRow(iteratePath + name, '')}\n`
      if (++count === maxRows) break
      if (rows.length < ROWS_AT_ONCE_CHARACTERS) continue
      output.send(rows)
      rows = ''
      if (output.isFull && !(await output.room())) return false
    }
    if (!waiting.has(one)) return false
    output.send(rows)
    return true
  }

  function refuse(why: string): void {
    isFinishing = true
    refusedBecause = why
    endWhenAnswered()
  }

  function endWhenAnswered(): void {
    if (isFinishing && waiting.size === 0 && !isClosed) {
      isClosed = true
      output.end(refusedBecause)
    }
  }
}

function whyNotListed({ path, flags }: DictIterate): string | undefined {
  if (path !== iteratePath) return `only ${iteratePath} can be listed`
  // Sorted or with each user's fields, a listing would need memory or questions for all of them.
  if ((flags & (iterateFlags.sortByKey | iterateFlags.sortByValue)) !== 0) return 'users are not sorted'
  return (flags & iterateFlags.exactKey) === 0 ? undefined : 'only all users can be listed'
}

/** When the command came and when it was answered, as Dovecot's clients expect it: four numbers. */
function timesOf(startMs: number, endMs: number): string {
  return `\t${times(startMs)}\t${times(endMs)}`
}

function times(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return `${seconds}\t${Math.floor((ms - seconds * 1000) * 1000)}`
}

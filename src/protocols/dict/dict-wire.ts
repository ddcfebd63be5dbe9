// Dovecot's dict protocol, bytes ↔ values: one line per command, arguments separated by TABs. Pure.
// Source: lib-dict/dict-client.h and dict/dict-commands.c, 2.3.19; the forms of 2.2 to 2.4 differ in their arguments only.
//
// Texts that come in are byte strings (latin1): a key may hold a password that is no UTF-8.

import { tabEscape, tabUnescape } from '../tab-escape.js'

/** A longer line is refused, as Dovecot's own dict server does (DICT_CLIENT_MAX_LINE_LENGTH). */
export const lineLimitBytes = 64 * 1024

/** The majors that a client may greet with: 2 is Dovecot 2.2 to 2.3.16, 3 is 2.3.17 and later, 4 is 2.4. */
const majors: readonly number[] = [2, 3, 4]

/** From this minor version on, answers carry ids and times and may come in any order. */
const ASYNC_MINOR = 1

export const iterateFlags = { recurse: 1, sortByKey: 2, sortByValue: 4, noValue: 8, exactKey: 16 } as const

export interface DictHello {
  readonly kind: 'hello'
  /** Whether the client knows answers with ids. */
  readonly isAsync: boolean
  /** The user of all commands that name none (before 2.3.17). */
  readonly user: string
  readonly dictName: string
}

export interface DictLookup {
  readonly kind: 'lookup'
  readonly key: string
  readonly user: string | undefined
}

export interface DictIterate {
  readonly kind: 'iterate'
  readonly flags: number
  /** 0: all. */
  readonly maxRows: number
  readonly path: string
  /** When doveadm lists users, its mask. */
  readonly user: string | undefined
}

export interface DictCommit {
  readonly kind: 'commit'
  readonly id: string
  /** `D` instead of `C`: the answer begins with `A`. */
  readonly isDetached: boolean
}

export type DictCommand =
  | DictLookup
  | DictIterate
  | DictCommit
  /** Part of a transaction, or its end without a commit: nobody waits for an answer. */
  | { readonly kind: 'unanswered' }
  | { readonly kind: 'broken'; readonly why: string }

/** Reads the first line of a connection. `wrong` says why this client cannot be served. */
export function parseHello(line: string): DictHello | { readonly wrong: string } {
  if (line[0] !== 'H') return { wrong: 'the connection does not begin with a greeting' }
  const [major = '', minor = '', valueType = '', user, dictName] = argumentsOf(line)
  if (user === undefined || dictName === undefined) return { wrong: 'the greeting lacks arguments' }
  if (!isNumber(major) || !isNumber(minor)) return { wrong: 'the greeting has no version' }
  if (!majors.includes(Number(major))) return { wrong: `version ${major} of the protocol is not known` }
  // DICT_DATA_TYPE_STRING and DICT_DATA_TYPE_UINT32: there is no third.
  if (valueType !== '0' && valueType !== '1')
    return { wrong: 'the greeting asks for an unknown type of values' }
  return { kind: 'hello', isAsync: Number(minor) >= ASYNC_MINOR, user, dictName }
}

/** Reads any later line. */
export function parseCommand(line: string): DictCommand {
  switch (line[0]) {
    case 'L': {
      const [key = '', user] = argumentsOf(line)
      return key === '' ? broken('a lookup without a key') : { kind: 'lookup', key, user }
    }
    case 'I':
      return parseIterate(argumentsOf(line))
    case 'C':
    case 'D': {
      const [id = ''] = argumentsOf(line)
      return isNumber(id)
        ? { kind: 'commit', id, isDetached: line[0] === 'D' }
        : broken('a commit without a transaction')
    }
    case 'B':
    case 'R':
    case 'S':
    case 'U':
    case 'A':
    case 'T':
    case 'V':
      return { kind: 'unanswered' }
    default:
      return broken('an unknown command')
  }
}

function parseIterate([flags = '', maxRows = '', path, user]: readonly string[]): DictCommand {
  if (!isNumber(flags) || !isNumber(maxRows) || path === undefined) return broken('a broken iteration')
  return { kind: 'iterate', flags: Number(flags), maxRows: Number(maxRows), path, user }
}

/** Whether a line that begins like this one is waiting for an answer. */
export function expectsAnswer(beginning: string): boolean {
  return /^[LICD]/.test(beginning)
}

function argumentsOf(line: string): string[] {
  const rest = line.slice(1)
  return rest.includes('\x01') ? rest.split('\t').map(tabUnescape) : rest.split('\t')
}

function isNumber(text: string): boolean {
  return /^\d{1,15}$/.test(text)
}

function broken(why: string): DictCommand {
  return { kind: 'broken', why }
}

/** What a lookup can be answered with. */
export type DictReply =
  | { readonly kind: 'found'; readonly value: string }
  | { readonly kind: 'not-found' }
  /** Trouble: Dovecot logs the text and tells its client to try again later. */
  | { readonly kind: 'failed'; readonly why: string }

/** How trouble is told: `formatFailure` or `formatHiddenFailure`. */
export type FormatFailure = (why: string) => string

export function formatReply(reply: DictReply, formatTrouble = formatFailure): string {
  if (reply.kind === 'found') return `O${tabEscape(reply.value)}`
  return reply.kind === 'not-found' ? 'N' : formatTrouble(reply.why)
}

export const formatFailure: FormatFailure = why => `F${tabEscape(why)}`

/**
 * Trouble, of a key that holds a password: Dovecot writes the key of a failed lookup into its log, whatever the level, and not
 * that of a value that it cannot read ("Empty object key"), which is an internal failure just as well (db-dict.c, 2.3.19).
 */
export const formatHiddenFailure: FormatFailure = why => `O${tabEscape(JSON.stringify({ '': why }))}`

export function formatRow(key: string, value: string): string {
  return `O${tabEscape(key)}\t${tabEscape(value)}`
}

/** No transaction ever succeeds. */
export function formatCommitFailure({ id, isDetached }: DictCommit, why: string): string {
  return `${isDetached ? 'A' : ''}F${id}\t${tabEscape(why)}`
}

/** Cuts what arrives into lines, in bounded memory. */
export interface LineCutter {
  /** The lines that are complete now, each without its LF. */
  take(bytes: string): readonly string[]
  /** The beginning of a line that is not complete. */
  readonly rest: string
  /** Whether it is longer than a line may be; then nothing more can be read. */
  readonly isTooLong: boolean
}

export function createLineCutter(limit = lineLimitBytes): LineCutter {
  let rest = ''
  let isTooLong = false
  return {
    take(bytes) {
      const lines = bytes.split('\n')
      lines[0] = rest + lines[0]
      rest = lines.pop() ?? ''
      const tooLong = lines.findIndex(line => line.length > limit)
      if (tooLong >= 0) {
        rest = lines[tooLong] ?? ''
        lines.length = tooLong
      }
      isTooLong = rest.length > limit
      if (isTooLong) rest = rest.slice(0, 1)
      return lines
    },
    get rest() {
      return rest
    },
    get isTooLong() {
      return isTooLong
    },
  }
}

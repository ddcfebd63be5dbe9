// A passwd-file that is always the file as it stands, at most a second late. One that cannot be read is trouble,
// never an empty one: Dovecot takes a missing file for one without users (auth/db-passwd-file.c, 2.3.19).

import { readFile, stat } from 'node:fs/promises'
import { type Clock, systemClock } from '../model/clock.js'
import { type PasswdAccount, type PasswdProblem, parsePasswdFile } from '../model/passwd-file.js'
import { matchesWildcard } from '../model/wildcard.js'

export type PasswdLookup =
  | { readonly found: 'one'; readonly account: PasswdAccount }
  | { readonly found: 'none' }
  /** The file cannot be read, or the user's line says nothing that could be believed. */
  | { readonly found: 'error'; readonly reason: string; readonly cause?: unknown }

export interface PasswdFile {
  /** Finds the account whose stored name, normalised, is the wanted one. */
  find(user: string, signal?: AbortSignal): Promise<PasswdLookup>
  /** Normalised names of the accounts that match the mask and that the filter takes, each once. Throws when the file cannot be read. */
  list(mask: string, takes: (account: PasswdAccount) => boolean): AsyncIterable<string>
}

export interface PasswdFileOptions {
  readonly path: string
  /** The auth_username_* rules applied to a stored name. */
  readonly normalise: (storedName: string) => string
  /** Told once per change of the file, of every line that is wrong, and of a file that cannot be read. */
  readonly warn: (message: string) => void
  readonly clock?: Clock
}

/** How long the file is believed to be unchanged. */
const recheckMs = 1000

/** Opens the file, and reads it once so that mistakes in it are known at start. It need not be there yet. */
export async function openPasswdFile(options: PasswdFileOptions): Promise<PasswdFile> {
  const current = keepCurrent(options)
  const first = await current()
  if ('reason' in first) options.warn(first.reason)

  return {
    async find(user, signal) {
      const content = await unlessAborted(current(), signal, options.path)
      if ('reason' in content) return { found: 'error', ...content }
      const entry = content.entries.get(user)
      if (entry === undefined) return { found: 'none' }
      if ('problem' in entry) return { found: 'error', reason: problemText(options.path, entry) }
      return { found: 'one', account: entry }
    },
    async *list(mask, takes) {
      const content = await current()
      if ('reason' in content) throw new Error(content.reason, { cause: content.cause })
      for (const [user, entry] of content.entries) {
        if (matchesWildcard(mask, user) && ('problem' in entry || takes(entry))) yield user
      }
    },
  }
}

interface Content {
  readonly version: string
  readonly entries: ReadonlyMap<string, PasswdAccount | PasswdProblem>
}
interface Unreadable {
  readonly reason: string
  readonly cause?: unknown
}
type State = Content | Unreadable

/** The newest content, looked at again when it is due; whoever comes meanwhile waits for the same look. */
function keepCurrent(options: PasswdFileOptions): () => Promise<State> {
  const clock = options.clock ?? systemClock
  let state: State | undefined
  let checkedAt = Number.NEGATIVE_INFINITY
  let checking: Promise<State> | undefined

  return async () => {
    if (state !== undefined && clock.now() - checkedAt < recheckMs) return state
    checking ??= check(options, state).then(checked => {
      state = checked
      checkedAt = clock.now()
      checking = undefined
      return checked
    })
    return await checking
  }
}

async function check(options: PasswdFileOptions, before: State | undefined): Promise<State> {
  try {
    const version = await fileVersion(options.path)
    if (before !== undefined && 'version' in before && before.version === version) return before
    return { version, entries: index(await readFile(options.path, 'utf8'), options) }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'cannot be read'
    return { reason: `passwd-file ${options.path}: ${code}`, cause }
  }
}

/** Taken before the file is read: what is written meanwhile makes another version, which the next look finds. */
async function fileVersion(path: string): Promise<string> {
  const found = await stat(path, { bigint: true })
  if (!found.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'not a regular file' })
  return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':')
}

/** Normalised name → account. As in Dovecot the first line of a user counts, and later ones are told of. */
function index(text: string, { path, normalise, warn }: PasswdFileOptions): Content['entries'] {
  const { accounts, problems } = parsePasswdFile(text)
  const entries = new Map<string, PasswdAccount | PasswdProblem>()
  for (const entry of [...accounts, ...problems].sort((a, b) => a.line - b.line)) {
    const user = normalise(entry.user)
    if ('problem' in entry) warn(problemText(path, entry))
    if (!entries.has(user)) entries.set(user, entry)
    else
      warn(`passwd-file ${path}, line ${entry.line}: the user exists more than once, the first line counts`)
  }
  return entries
}

function problemText(path: string, { line, problem }: PasswdProblem): string {
  return `passwd-file ${path}, line ${line}: ${problem}`
}

/** A file on another machine may never answer; the caller's deadline ends the wait. */
function unlessAborted(state: Promise<State>, signal: AbortSignal | undefined, path: string): Promise<State> {
  if (signal === undefined) return state
  const late: Unreadable = { reason: `passwd-file ${path}: not read before the deadline` }
  if (signal.aborted) return Promise.resolve(late)
  return new Promise((resolve, reject) => {
    const abort = () => resolve(late)
    signal.addEventListener('abort', abort, { once: true })
    state.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

// A dict session without a socket, before an engine that the test writes down: what it is sent, what it answers.

import type { Auth } from '../../../src/auth/auth.js'
import { defaultPasswordSettings } from '../../../src/password/password-settings.js'
import {
  createDictSession,
  type DictOutput,
  type DictSession,
} from '../../../src/protocols/dict/dict-session.js'

export interface TalkingSession {
  readonly session: DictSession
  /** All that was sent so far, times replaced by `T`. */
  readonly sent: () => string
  /** Why the connection was ended: undefined while it is open, '' when nobody is at fault. */
  readonly ended: () => string | undefined
  readonly bugs: unknown[]
  take(...lines: string[]): void
  /** Waits until nothing is waiting any more, and gives back what has been sent since the last time. */
  answered(): Promise<string>
}

export function talk(
  auth: Auth,
  options: { now?: () => number; output?: Partial<DictOutput> } = {},
): TalkingSession {
  let sent = ''
  let shown = 0
  let ended: string | undefined
  const bugs: unknown[] = []
  const output: DictOutput = {
    send: text => {
      sent += text
    },
    announce: text => {
      sent += text
    },
    isFull: false,
    room: async () => true,
    end: (why = '') => {
      ended = why
    },
  }
  Object.defineProperties(output, Object.getOwnPropertyDescriptors(options.output ?? {}))
  const session = createDictSession({
    engine: { auth, policy: defaultPasswordSettings },
    output,
    now: options.now ?? Date.now,
    reportBug: error => bugs.push(error),
  })
  const withoutTimes = () => sent.replace(/\t\d+\t\d{1,6}\t\d+\t\d{1,6}(?=\n)/g, '\tT')
  return {
    session,
    sent: withoutTimes,
    ended: () => ended,
    bugs,
    take: (...lines) => {
      for (const line of lines) session.take(line)
    },
    async answered() {
      for (let turns = 0; session.waiting > 0 && turns < 1000; turns++) {
        await new Promise(resolve => setImmediate(resolve))
      }
      const all = withoutTimes()
      const news = all.slice(shown)
      shown = all.length
      return news
    },
  }
}

/** An engine that has nobody; tests put in what they need. */
export function authWith(parts: Partial<Auth> = {}): Auth {
  const unknown = async ({ user }: { user: string }) => ({
    result: 'user_unknown' as const,
    user,
    fields: new Map<string, string>(),
    trace: [],
  })
  return {
    authenticate: unknown,
    lookupPassdb: unknown,
    lookupUserdb: unknown,
    async *listUsers() {},
    ...parts,
  }
}

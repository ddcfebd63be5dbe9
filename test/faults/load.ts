// A steady stream of logins, each answer held against the truth.

import { HttpCaller } from '../bench/http-caller.js'
import type { Group, Question, Truth } from './truth.js'

export type Verdict = 'right' | 'temporary' | 'wrong'

export interface Seen {
  /** performance.now() when it was asked. */
  readonly at: number
  readonly ms: number
  readonly group: Group
  readonly verdict: Verdict
  /** What was answered. */
  readonly said: string
}

export interface Load {
  /** All answers since `since`, by the moment of the question. */
  seen(since: number, until?: number): readonly Seen[]
  /** What was wrong, in words. */
  readonly wrong: string[]
  readonly asked: number
  /** How many logins a second from now on. */
  setRate(perSecond: number): void
  /** One question by itself, counted with the others. */
  ask(question: Question): Promise<Seen>
  /** Asks no more, and waits for what is under way. */
  stop(): Promise<void>
}

const TICK_MS = 5
/** Who has no answer by then has none: Dovecot's own limit, and some more for a busy machine. */
const PATIENCE_MS = 8000
/** What was seen so long ago is forgotten. */
const KEPT = 400_000

export function startLoad(url: string, token: string, truth: Truth, perSecond: number): Load {
  const caller = new HttpCaller(url, token)
  const wrong: string[] = []
  let seen: Seen[] = []
  let rate = perSecond
  let debt = 0
  let asked = 0
  let under = 0
  let last = performance.now()

  const ask = async (question: Question): Promise<Seen> => {
    const at = performance.now()
    asked++
    under++
    const said = await answerTo(caller, question)
    under--
    const now = performance.now()
    const verdict = judge(question, said, at, now)
    if (verdict === 'wrong') {
      const right = question.rightAt(at, now).join(' or ')
      wrong.push(
        `${question.group} ${question.user} with ${question.password}: ${said}, and right is ${right}`,
      )
    }
    const one = { at, ms: now - at, group: question.group, verdict, said }
    seen.push(one)
    if (seen.length > 2 * KEPT) seen = seen.slice(-KEPT)
    return one
  }
  const timer = setInterval(() => {
    const now = performance.now()
    // A process that slept does not make up for it all at once: that would be another load.
    debt = Math.min(debt + ((now - last) * rate) / 1000, rate / 4 + 1)
    last = now
    for (; debt >= 1; debt--) void ask(truth.next())
  }, TICK_MS)

  return {
    wrong,
    ask,
    get asked() {
      return asked
    },
    seen: (since, until = Number.POSITIVE_INFINITY) => seen.filter(({ at }) => at >= since && at < until),
    setRate: next => {
      rate = next
    },
    stop: async () => {
      clearInterval(timer)
      const deadline = performance.now() + PATIENCE_MS
      while (under > 0 && performance.now() < deadline) await new Promise(resolve => setTimeout(resolve, 10))
      caller.close()
    },
  }
}

/** Result and host, or why there is none. */
async function answerTo(caller: HttpCaller, { user, password }: Question): Promise<string> {
  const body = {
    user,
    password,
    protocol: 'imap',
    mechanism: 'PLAIN',
    secured: 'tls',
    remote_ip: '198.51.100.7',
  }
  try {
    const { status, result, host } = await caller.ask('/v1/passdb/verify', body, PATIENCE_MS)
    if (status !== 200) return `status ${status}`
    return result === 'ok' && host ? `ok ${host}` : result
  } catch {
    return 'status none'
  }
}

/** No answer and every status but 200 is a temporary failure to Dovecot (auth.lua). */
function judge(question: Question, said: string, askedAt: number, answeredAt: number): Verdict {
  if (said.startsWith('status ')) return 'temporary'
  return question.rightAt(askedAt, answeredAt).includes(said) ? 'right' : 'wrong'
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}

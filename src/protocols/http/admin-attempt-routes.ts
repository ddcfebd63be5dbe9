// Logins and attempts at them under /v1/admin/attempts: the reports of `homing report`, in its words.

import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ReportPart } from '../../database/login-events.js'
import { isoTime, masterRow, type ReportRow, withTimes } from '../../model/login-report.js'
import { parseTimeInterval } from '../../model/time-interval.js'
import type { Services } from '../services.js'
import { createTurns } from './in-turn.js'
import { pageToken, readPageToken } from './page-token.js'
import { unlessUnavailable } from './write-request.js'

const text = { type: 'string' } as const

export const reportQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    since: { type: 'string', minLength: 1, maxLength: 64 },
    limit: { type: 'string', pattern: '^(?:[1-9][0-9]{0,2}|1000)$' },
    after: { type: 'string', maxLength: 2048 },
  },
} as const

const rows = {
  type: 'array',
  items: { type: 'object', additionalProperties: { type: ['string', 'integer'] } },
} as const

export const reportSchema = {
  type: 'object',
  required: ['since', 'until', 'rows'],
  properties: { since: text, until: text, kept: text, rows, next: text },
} as const

export const lastLoginsSchema = {
  type: 'object',
  required: ['user', 'rows'],
  properties: { user: text, rows },
} as const

const SINCE = '24h'
const LIMIT = '20'
/** A caller waits no longer, nor does the server go on. */
const DEADLINE_MS = 10_000
const MOST_ROWS = 1_000_000
/** The last second of the year 9999: there is no date after it that everybody could write. */
const LAST_SECOND = 253_402_300_799

type Query = { readonly since?: string; readonly limit?: string; readonly after?: string }
type Ask = (since: number, limit: number, part: ReportPart) => Promise<readonly object[]>

/** Mounts them. */
export function adminAttemptRoutes(
  app: FastifyInstance,
  { services: { attempts } }: { readonly services: Services },
): void {
  if (attempts === undefined) return
  const { loginEvents, masterUses, nameOf, kept } = attempts
  const inTurn = createTurns()
  const events = () => kept.login_events

  mountReport(app, 'failures', (...part) => inTurn(() => loginEvents.failures(...part)), events)
  mountReport(app, 'addresses', (...part) => inTurn(() => loginEvents.addresses(...part)), events)
  mountReport(app, 'masters', (...part) =>
    inTurn(async () => (await masterUses.latest(...part)).map(masterRow)),
  )

  app.get<{ Params: { user: string } }>(
    '/v1/admin/attempts/last-logins/:user',
    { schema: { response: { 200: lastLoginsSchema } } },
    async (request, reply) => {
      const user = nameOf(request.params.user)
      const asked = inTurn(() => loginEvents.lastLogins(user, { deadlineMs: DEADLINE_MS }))
      const found = await unlessUnavailable(reply, asked)
      if (found === undefined) return reply
      if (found.length === 0 && !kept.last_login) return notKept(reply, 'last_login is off')
      return { user, rows: found.map(row => withTimes({ ...row })) }
    },
  )
}

/** `kept`: what is kept of attempts just now; absent where all is, always. */
function mountReport(app: FastifyInstance, name: string, ask: Ask, kept?: () => string): void {
  const schema = { querystring: reportQuerySchema, response: { 200: reportSchema } }
  app.get<{ Querystring: Query }>(`/v1/admin/attempts/${name}`, { schema }, async (request, reply) => {
    const place = placeOf(request.query, Math.floor(Date.now() / 1000))
    if ('wrong' in place) return reply.code(400).send({ error: 'bad_request', message: place.wrong } as never)
    const { since, until, offset } = place
    const limit = Number(request.query.limit ?? LIMIT)
    const part = { untilUnixSeconds: until, offset, deadlineMs: DEADLINE_MS }
    const found = await unlessUnavailable(reply, ask(since, limit + 1, part))
    if (found === undefined) return reply
    const words = kept?.()
    if (found.length === 0 && offset === 0 && words === 'none')
      return notKept(reply, 'login_events is "none"')
    return {
      since: isoTime(since),
      until: isoTime(until),
      ...(words !== undefined && { kept: words }),
      rows: found.slice(0, limit).map(row => withTimes(row as ReportRow)),
      ...(found.length > limit && { next: pageToken([since, until, offset + limit]) }),
    }
  })
}

/** All pages of a report are about the time that the first one was about. */
function placeOf(
  { since: text = SINCE, after }: Query,
  now: number,
): { readonly since: number; readonly until: number; readonly offset: number } | { readonly wrong: string } {
  if (after !== undefined) {
    const [since, until, offset] = readPageToken(after, ['number', 'number', 'number']) ?? []
    const isRight = [since, until, offset].every(
      part => Number.isInteger(part) && Number(part) >= 0 && Number(part) <= LAST_SECOND,
    )
    if (
      !isRight ||
      since === undefined ||
      until === undefined ||
      offset === undefined ||
      offset > MOST_ROWS
    ) {
      return { wrong: 'after is no next of this report' }
    }
    return { since, until, offset }
  }
  const parsed = parseTimeInterval(text)
  if ('wrong' in parsed) return { wrong: `since: ${parsed.wrong} (right: ${parsed.right})` }
  return { since: Math.max(0, now - Math.floor(parsed.ms / 1000)), until: now + 1, offset: 0 }
}

function notKept(reply: FastifyReply, why: string): FastifyReply {
  return reply.code(409).send({ error: 'not_kept', message: `nothing is kept: ${why}` } as never)
}

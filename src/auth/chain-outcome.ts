// What a walk through the chain came to, and why.

import type { AuthTrace } from '../model/auth-event.js'
import type { AuthRequest } from '../model/auth-request.js'
import { type ExtraFields, noFields, withoutFields } from '../model/extra-fields.js'
import type { Credentials, PassdbReply, Refusal } from '../model/passdb.js'
import type { FinalResult, PassdbResult } from '../model/passdb-result.js'
import { innerFields } from './link-fields.js'
import { type ChainStep, finalLookupResult, finalResult } from './result-rules.js'

export interface ChainOutcome {
  readonly result: FinalResult
  /** The request with the names it ended with: renamed by a passdb, or the login user and its `masterUser`. */
  readonly request: AuthRequest
  /**
   * What the accepting links set, in order, without what only the engine reads. Dovecot sends them with a refusal
   * too. `nopassword` is there only after a lookup, and then any password is right.
   */
  readonly fields: ExtraFields
  /** After a lookup: the stored password, if a link had one. */
  readonly credentials?: Credentials
  readonly trace: AuthTrace
  /** For the log. */
  readonly reason?: string
  readonly cause?: unknown
  /** With `internal_failure`: when too much was asked, and the same question may be answered after so long. */
  readonly retryAfterSecs?: number
  /** Nobody has looked at the password: whoever the fields lead to must. */
  readonly anyPassword?: boolean
  /** Of the master who logged in: what the master passdbs said, limits among it. */
  readonly limits?: ExtraFields
}

export type ChainQuestion = 'verify' | 'lookup'

/** Where the walk stopped. */
export interface WalkEnd {
  readonly request: AuthRequest
  readonly step: ChainStep
  readonly reply: PassdbReply
  /** The last internal failure on the way. */
  readonly failure: PassdbReply | undefined
  readonly trace: AuthTrace
}

type Why = Pick<ChainOutcome, 'reason' | 'cause' | 'retryAfterSecs'>

/** The outcome of a walk that asked somebody. */
export function outcomeOf(question: ChainQuestion, walked: WalkEnd): ChainOutcome {
  const { request, step, trace } = walked
  const ended = step.goOn ? finalResult(step.state, step.linkResult) : step.result
  const result = question === 'lookup' ? finalLookupResult(step.state, ended) : ended
  const fields = withoutFields(step.state.fields, innerFields)
  if (result !== 'ok') return { result, request, fields, trace, ...why(result, walked) }
  if (question === 'verify')
    return { result, request, fields, trace, ...(step.state.nopassword && { anyPassword: true }) }
  return { result, request, trace, ...shown(walked, fields) }
}

/** The outcome of a walk that found nobody to ask. */
export function unasked(request: AuthRequest, result: FinalResult, reason: string): ChainOutcome {
  return { result, request, fields: noFields, trace: [], reason }
}

/** The last link's credentials, else the first that an accepting link had, else `nopassword` if one said so. */
function shown({ step, reply }: WalkEnd, fields: ExtraFields): Pick<ChainOutcome, 'fields' | 'credentials'> {
  const own = step.linkResult === 'ok' && reply.result === 'ok' ? reply.credentials : undefined
  const credentials = own ?? step.state.credentials
  if (credentials !== undefined) return { fields, credentials }
  return { fields: step.state.nopassword ? new Map(fields).set('nopassword', 'y') : fields }
}

function why(result: FinalResult, { step, reply, failure }: WalkEnd): Why {
  if (result === 'internal_failure') {
    return failure && isRefusal(failure)
      ? reasonOf(failure)
      : { reason: 'Last passdb had noauthenticate field, cannot authenticate user' }
  }
  if (isRefusal(reply)) return reasonOf(reply)
  if (result === 'user_disabled') return { reason: 'User found from deny passdb' }
  return {
    reason:
      step.linkResult === 'ok'
        ? 'Password verified, but no result rule of the passdbs said ok'
        : 'A field of the passdb would have made the user name empty',
  }
}

function isRefusal(reply: PassdbReply): reply is Refusal<Exclude<PassdbResult, 'ok' | 'next'>> {
  return reply.result !== 'ok' && reply.result !== 'next'
}

function reasonOf({ reason, cause, retryAfterSecs }: Refusal<PassdbResult>): Why {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(cause === undefined ? {} : { cause }),
    ...(retryAfterSecs === undefined ? {} : { retryAfterSecs }),
  }
}

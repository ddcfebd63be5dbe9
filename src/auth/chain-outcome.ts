// What a walk through the chain came to, and why.

import type { AuthTrace } from '../model/auth-event.js'
import type { AuthRequest } from '../model/auth-request.js'
import { type ExtraFields, noFields, withField, withoutFields } from '../model/extra-fields.js'
import type { Credentials, PassdbReply, Refusal } from '../model/passdb.js'
import type { FinalResult, PassdbResult } from '../model/passdb-result.js'
import { innerFields } from './link-fields.js'
import { type ChainState, finalLookupResult } from './result-rules.js'

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
  readonly credentials?: Credentials | undefined
  readonly trace: AuthTrace
  /** For the log. */
  readonly reason?: string | undefined
  readonly cause?: unknown
  /** With `internal_failure`: when too much was asked, and the same question may be answered after so long. */
  readonly retryAfterSecs?: number | undefined
  /** Nobody has looked at the password: whoever the fields lead to must. */
  readonly anyPassword?: boolean
  /** Of the master who logged in: what the master passdbs said, limits among it. */
  readonly limits?: ExtraFields | undefined
}

export type ChainQuestion = 'verify' | 'lookup'

/** Where the walk stopped. */
export interface WalkEnd {
  readonly request: AuthRequest
  readonly state: ChainState
  /** What the last link that was asked came to, and the chain with it. */
  readonly linkResult: PassdbResult
  readonly result: FinalResult
  readonly reply: PassdbReply
  /** The last internal failure on the way. */
  readonly failure: PassdbReply | undefined
  readonly trace: AuthTrace
  readonly limits: ExtraFields | undefined
}

type Why = Pick<ChainOutcome, 'reason' | 'cause' | 'retryAfterSecs'>

/** The outcome of a walk that asked somebody. */
export function outcomeOf(question: ChainQuestion, walked: WalkEnd): ChainOutcome {
  const { request, state, trace, limits } = walked
  const result = question === 'lookup' ? finalLookupResult(state, walked.result) : walked.result
  const fields = withoutFields(state.fields, innerFields)
  if (result !== 'ok') {
    const { reason, cause, retryAfterSecs } = why(result, walked)
    return { result, request, fields, trace, reason, cause, retryAfterSecs, limits }
  }
  if (question === 'verify') {
    return { result, request, fields, trace, anyPassword: state.nopassword, limits }
  }
  const credentials = credentialsOf(walked)
  if (credentials !== undefined || !state.nopassword) return { result, request, fields, credentials, trace }
  return { result, request, fields: withField(fields, 'nopassword', 'y'), trace }
}

/** The outcome of a walk that found nobody to ask. */
export function unasked(request: AuthRequest, result: FinalResult, reason: string): ChainOutcome {
  return { result, request, fields: noFields, trace: [], reason }
}

/** The last link's credentials, else the first that an accepting link had. */
function credentialsOf({ state, linkResult, reply }: WalkEnd): Credentials | undefined {
  const own = linkResult === 'ok' && reply.result === 'ok' ? reply.credentials : undefined
  return own ?? state.credentials
}

function why(result: FinalResult, { linkResult, reply, failure }: WalkEnd): Why {
  if (result === 'internal_failure') {
    return failure && isRefusal(failure)
      ? reasonOf(failure)
      : { reason: 'Last passdb had noauthenticate field, cannot authenticate user' }
  }
  if (isRefusal(reply)) return reasonOf(reply)
  if (result === 'user_disabled') return { reason: 'User found from deny passdb' }
  return {
    reason:
      linkResult === 'ok'
        ? 'Password verified, but no result rule of the passdbs said ok'
        : 'A field of the passdb would have made the user name empty',
  }
}

function isRefusal(reply: PassdbReply): reply is Refusal<Exclude<PassdbResult, 'ok' | 'next'>> {
  return reply.result !== 'ok' && reply.result !== 'next'
}

function reasonOf({ reason, cause, retryAfterSecs }: Refusal<PassdbResult>): Why {
  return { reason, cause, retryAfterSecs }
}

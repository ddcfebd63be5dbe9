// What the engine says → what Dovecot 2.3 reads in a dict value: JSON, whose members become fields.
//
// Dovecot compares the password itself, whatever we say: so every value of a passdb key holds a hash, of the right
// password or of none. There is no word for a mismatch, and `N` reads as "no such user".

import { hash, randomFillSync } from 'node:crypto'
import type { Auth } from '../../auth/auth.js'
import type { AuthOutcome } from '../../auth/auth-outcome.js'
import { type ExtraFields, withoutFields } from '../../model/extra-fields.js'
import { jsonText } from '../../model/json-text.js'
import { Password } from '../../model/password.js'
import { schemeNameOf } from '../../password/stored-password.js'
import { prepareComparison, type VerifyPolicy } from '../../password/verify-password.js'
import type { DictQuestion } from './dict-key.js'
import type { DictReply } from './dict-wire.js'

export interface DictEngine {
  readonly auth: Auth
  /** Which stored passwords we would compare ourselves; Dovecot gets no others. */
  readonly policy: VerifyPolicy
}

/** Asks the engine and says it in Dovecot's way. Throws only for a bug. */
export async function answerDict({ auth, policy }: DictEngine, question: DictQuestion): Promise<DictReply> {
  if (question.ask === 'nothing') return failed(question.why)
  const { request } = question
  if (question.ask === 'userdb') return userdbReply(request.user, await auth.lookupUserdb(request))
  const { password } = question
  if (password !== undefined && request.masterUser !== undefined) {
    // Dovecot has verified the master's password and asks for the user only; it compares nothing any more.
    const outcome = await auth.authenticate({ ...request, skipPasswordCheck: true }, new Password(''))
    return refusedReply(outcome) ?? found(request.user, outcome, noPasswordMatches)
  }
  // `%w` is empty in a lookup without a password (LMTP, doveadm) and when a client sends none: both get the fields,
  // and what is stored decides.
  if (password === undefined || password.length === 0) {
    const outcome = await auth.lookupPassdb(request)
    return refusedReply(outcome) ?? lookupReply(question, outcome, password === undefined, policy)
  }
  const outcome = await auth.authenticate(request, new Password(password))
  if (outcome.result === 'password_mismatch') return mismatch
  return refusedReply(outcome) ?? found(request.user, outcome, hashOf(password))
}

/**
 * A hash whose password nobody can find. It stands where no password may match, and not `nopassword` or nothing:
 * Dovecot's auth cache may keep it.
 */
export const noPasswordMatches = `{SHA512}${Buffer.alloc(64).toString('base64')}`

/**
 * A wrong password. The other fields go with it when Dovecot refuses (auth_request_verify_plain_callback_finish rolls
 * them back); they are for a Dovecot that compares nothing because it verified a master user before, and did not put
 * `master_user` into the key: no local mailbox may open there.
 */
const mismatch: DictReply = {
  kind: 'found',
  value: JSON.stringify({ password: noPasswordMatches, nologin: 'y', reason: 'Internal login failure' }),
}

/** Of the password that was right: another one does not match it, wherever Dovecot keeps it. */
function hashOf(password: Buffer): string {
  const salt = newSalt()
  const digest = hash('sha256', Buffer.concat([password, salt]), 'buffer')
  return `{SSHA256}${Buffer.concat([digest, salt]).toString('base64')}`
}

const SALT_BYTES = 8
/** Random bytes are dear by the piece. */
const salts = Buffer.alloc(512 * SALT_BYTES)
let nextSalt = salts.length

/** Never the same twice. It is overwritten by a later one: copy it. */
function newSalt(): Buffer {
  if (nextSalt === salts.length) {
    randomFillSync(salts)
    nextSalt = 0
  }
  nextSalt += SALT_BYTES
  return salts.subarray(nextSalt - SALT_BYTES, nextSalt)
}

/** The reply to everything that is no `ok`; a mismatch is none here, since no password was compared. */
function refusedReply(outcome: AuthOutcome): DictReply | undefined {
  switch (outcome.result) {
    case 'ok':
      return undefined
    // Dovecot has no other word in a dict for disabled and expired accounts that ends a login (2.3.19).
    case 'user_unknown':
    case 'user_disabled':
    case 'pass_expired':
      return { kind: 'not-found' }
    case 'password_mismatch':
      return mismatch
    case 'scheme_not_available':
      return failed('the scheme of the stored password is not available')
    case 'internal_failure':
      return failed('internal failure')
  }
}

type PassdbQuestion = Extract<DictQuestion, { ask: 'passdb' }>

function lookupReply(
  { request: { user }, isDelivery }: PassdbQuestion,
  outcome: AuthOutcome,
  maySayNopassword: boolean,
  policy: VerifyPolicy,
): DictReply {
  const stored = outcome.credentials?.stored
  if (stored === undefined) {
    if (maySayNopassword && outcome.fields.has('nopassword')) return found(user, outcome)
    return found(user, withoutNopassword(outcome), noPasswordMatches)
  }
  if (isReadable(stored, policy)) return found(user, withoutNopassword(outcome), stored)
  // Dovecot 2.3 would log an error and call every password wrong, or compute for minutes. Mail is delivered all the same.
  if (!isDelivery) return failed('the stored password cannot be compared')
  return found(user, withoutNopassword(outcome), noPasswordMatches)
}

function withoutNopassword(outcome: AuthOutcome): AuthOutcome {
  if (!outcome.fields.has('nopassword')) return outcome
  return { ...outcome, fields: withoutFields(outcome.fields, ['nopassword']) }
}

/** In Homing's table and not in 2.3.19's (`doveadm pw -l`). */
const unknownToDovecot23: readonly string[] = ['ARGON2']

function isReadable(stored: string, policy: VerifyPolicy): boolean {
  if (prepareComparison(stored, policy).kind === 'refused') return false
  return !unknownToDovecot23.includes(schemeNameOf(stored) ?? '')
}

function found(asked: string, outcome: AuthOutcome, password?: string): DictReply {
  return { kind: 'found', value: formatFields(asked, outcome.user, outcome.fields, password) }
}

function userdbReply(asked: string, outcome: Awaited<ReturnType<Auth['lookupUserdb']>>): DictReply {
  if (outcome.result === 'internal_failure') return failed('internal failure')
  if (outcome.result === 'user_unknown') return { kind: 'not-found' }
  return { kind: 'found', value: formatFields(asked, outcome.user, outcome.fields) }
}

/** A JSON object of texts. A name is told only when it is not the one that was asked for. */
function formatFields(asked: string, user: string, fields: ExtraFields, password?: string): string {
  let members = password === undefined ? '' : `,"password":${jsonText(password)}`
  if (user !== asked) members += `,"user":${jsonText(user)}`
  for (const [name, value] of fields) members += beginning(name) + jsonText(value)
  return `{${members.slice(1)}}`
}

/** Names come again and again: those of Dovecot and of the columns. */
const beginnings = new Map<string, string>()
const MOST_BEGINNINGS = 200

function beginning(name: string): string {
  const known = beginnings.get(name)
  if (known !== undefined) return known
  const text = `,${jsonText(name)}:`
  if (beginnings.size < MOST_BEGINNINGS) beginnings.set(name, text)
  return text
}

function failed(why: string): DictReply {
  return { kind: 'failed', why }
}

// policy_check: whoever has no auth-policy of its own is asked about and reported here.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Auth, IncomingRequest } from '../auth/auth.js'
import type { AuthOutcome } from '../auth/auth-outcome.js'
import type { AuthEvent } from '../model/auth-event.js'
import { noFields } from '../model/extra-fields.js'
import { addressOf } from '../model/ip-address.js'
import type { FinalResult } from '../model/passdb-result.js'
import type { Password } from '../model/password.js'
import { type Attempt, loginOf, sessionOf } from '../policy/attempt.js'
import { type PolicyHashRules, policyHash } from '../policy/password-hash.js'
import type { PolicyServer } from '../policy/policy-server.js'
import type { WhoseOf } from '../policy/read-request.js'

/** Says nothing that a guesser could use, and what an owner can do. */
export const REFUSED = 'Too many failed logins, try again later'

/** A caller waits for two seconds and would ask again: a tarpit is no longer than this here. */
const LONGEST_WAIT_MS = 1000

/** Dovecot's words for why a login failed (auth-request.c:auth_policy_get_fail_type, 2.4.1). */
const failTypes: Readonly<Record<FinalResult, string>> = {
  ok: '',
  password_mismatch: 'credentials',
  user_unknown: 'account',
  user_disabled: 'disabled',
  pass_expired: 'expired',
  scheme_not_available: 'internal',
  internal_failure: 'internal',
}

/**
 * `authenticate` behind the policy. A refusal is `user_disabled` with a reason: the password was not looked at, so it is
 * not said to be wrong, and nothing is broken that a retry would mend. Sessions that a Dovecot has asked about go past.
 * `audit` is told of every refusal, which the engine never sees.
 */
export function checkedVerify(
  auth: Auth,
  policy: PolicyServer,
  rules: PolicyHashRules,
  report: (event: AuthEvent) => void,
  audit: (request: IncomingRequest, reason: string) => void = () => {},
): Auth['authenticate'] {
  return async (request, password) => {
    if (request.skipPasswordCheck || policy.wasAskedAbout(sessionOf(request.sessionId ?? ''))) {
      return auth.authenticate(request, password)
    }
    const startedAt = performance.now()
    const attempt = attemptOf(request, password, rules, policy.whoseOf)
    const { status, rule } = await policy.allow(attempt)
    if (status < 0) {
      const ms = performance.now() - startedAt
      const reason = `policy: ${rule}`
      report({ ...eventOf(request), user: policy.nameOf(request.user), reason, ms })
      audit(request, reason)
      return refused(request)
    }
    if (status > 0) await sleep(Math.min(status * 1000, LONGEST_WAIT_MS))
    const outcome = await auth.authenticate(request, password)
    await policy.report({
      ...attempt,
      success: outcome.result === 'ok',
      policyReject: false,
      failType: failTypes[outcome.result],
    })
    return outcome
  }
}

function attemptOf(
  request: IncomingRequest,
  password: Password,
  rules: PolicyHashRules,
  whoseOf: WhoseOf,
): Attempt {
  // A master's wrong password is one, whomever he wants to be; Dovecot would hash it anew for each.
  const user = whoseOf(request)
  const remote = addressOf(request.remoteIp ?? '')
  return {
    login: loginOf(user),
    pwhash: policyHash(rules, user, password),
    ...(remote !== undefined && { remote }),
    ...(request.sessionId !== undefined && { session: sessionOf(request.sessionId) }),
  }
}

/** For the log and the counters, as every answer of the engine. */
function eventOf(request: IncomingRequest): Omit<AuthEvent, 'user' | 'ms'> {
  const { protocol, mechanism, remoteIp, sessionId } = request
  return {
    question: 'verify',
    result: 'user_disabled',
    originalUser: request.user,
    protocol,
    trace: [],
    ...(mechanism !== undefined && { mechanism }),
    ...(remoteIp !== undefined && { remoteIp }),
    ...(sessionId !== undefined && { sessionId }),
  }
}

function refused({ user }: IncomingRequest): AuthOutcome {
  return { result: 'user_disabled', user, fields: noFields, trace: [], reason: REFUSED }
}

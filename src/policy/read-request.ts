// What Dovecot and weakforced's clients send → what a policy is asked. Pure.
// Source: auth-policy.c, Dovecot 2.3.19 and 2.4.1; weakforced's HTTP API.

import { addressOf } from '../model/ip-address.js'
import { type Attempt, loginOf, type Report, sessionOf } from './attempt.js'

export type Body = Readonly<Record<string, unknown>>

type Wrong = { readonly wrong: string }

/** A login name as the passdbs know it, so that one account is one name here too. */
export type NameOf = (login: string) => string

/** Whose password a login tries, as the passdbs know the name: by `anna*admin`, and where a master is named, the master's. */
export type WhoseOf = (names: { readonly user: string; readonly masterUser?: string | undefined }) => string

export function readAttempt(body: Body, whoseOf: WhoseOf): Attempt | Wrong {
  const { login, remote = '', pwhash = '', session_id, mech } = body
  if (typeof login !== 'string') return { wrong: 'login is missing' }
  if (typeof remote !== 'string') return { wrong: 'remote is no text' }
  if (typeof pwhash !== 'string') return { wrong: 'pwhash is no text' }
  const address = addressOf(remote)
  return {
    login: loginOf(whoseOf({ user: login, masterUser: masterOf(body) })),
    pwhash: pwhash.slice(0, LONGEST_HASH).toLowerCase(),
    ...(address !== undefined && { remote: address }),
    ...(isGiven(session_id) && { session: sessionOf(session_id) }),
    ...(isGiven(mech) && { mechanism: mech.slice(0, LONGEST_WORD).toUpperCase() }),
  }
}

/**
 * The master, as policy.conf lets Dovecot name him: `login_user` is whom he wants to be, and `user` still himself, until his
 * password was right; then he is `master_user` (seen on 2.3.19 and 2.4.1).
 */
function masterOf({ master_user, login_user, user }: Body): string | undefined {
  if (isGiven(master_user)) return master_user
  return isGiven(login_user) && isGiven(user) ? user : undefined
}

const isGiven = (value: unknown): value is string => typeof value === 'string' && value !== ''
const LONGEST_WORD = 64
const LONGEST_HASH = 128

export function readReport(body: Body, whoseOf: WhoseOf): Report | Wrong {
  const attempt = readAttempt(body, whoseOf)
  if ('wrong' in attempt) return attempt
  const { success, policy_reject, fail_type } = body
  if (typeof success !== 'boolean') return { wrong: 'success is neither true nor false' }
  return {
    ...attempt,
    success,
    policyReject: policy_reject === true,
    failType: typeof fail_type === 'string' ? fail_type : '',
  }
}

/** Whom reset and getDBStats mean. */
export function readSubject(
  body: Body,
  nameOf: NameOf,
): { readonly login?: string; readonly remote?: string } | Wrong {
  const { login, ip } = body
  const address = isGiven(ip) ? addressOf(ip) : undefined
  if (isGiven(ip) && address === undefined) return { wrong: 'ip is no address' }
  if (!isGiven(login) && address === undefined) return { wrong: 'neither login nor ip is named' }
  return {
    ...(isGiven(login) && { login: loginOf(nameOf(login)) }),
    ...(address !== undefined && { remote: address }),
  }
}

// Who wants to become whom: `login*master`, or the SASL authorisation name. Pure.
// Source: auth-request.c:auth_request_set_username and auth_request_set_login_username, Dovecot 2.3.19.

import type { UsernameRules } from '../model/username.js'
import type { IncomingRequest } from './auth.js'

/** The names of a login after the rules; `loginUser` is set when a master wants to become somebody. */
export type LoginNames =
  | { readonly user: string; readonly loginUser?: string }
  | { readonly refused: string; readonly attempt?: MasterAttempt }

/** Names as the client wrote them. */
export interface MasterAttempt {
  readonly master: string
  readonly login: string
}

/**
 * Applies the auth_username_* rules to the one or two names of a login. `separator` is
 * auth_master_user_separator; only its first character counts, and the first one in the name splits it.
 */
export function loginNames(request: IncomingRequest, separator: string, rules: UsernameRules): LoginNames {
  const { master, login } = splitNames(request, separator)
  if (master === undefined) return rules.normalise(login)
  const attempt = { master, login }
  if (login === '') return { refused: 'Master user login attempted to use empty login username', attempt }
  if (master === '') return { refused: 'Empty username', attempt }
  const masterName = rules.normalise(master)
  if ('refused' in masterName) return { ...masterName, attempt }
  const loginName = rules.normalise(login)
  if ('refused' in loginName) return { ...loginName, attempt }
  // A user who authorises as himself logs in as himself.
  if (masterName.user === loginName.user) return { user: loginName.user }
  return { user: masterName.user, loginUser: loginName.user }
}

/** The two names as the client wrote them; without `master` it is an ordinary login. */
export function splitNames(
  request: Pick<IncomingRequest, 'user' | 'masterUser'>,
  separator: string,
): { readonly login: string; readonly master?: string } {
  if (request.masterUser !== undefined) return { login: request.user, master: request.masterUser }
  const at = separator === '' ? -1 : request.user.indexOf(separator.charAt(0))
  if (at < 0) return { login: request.user }
  return { login: request.user.slice(0, at), master: request.user.slice(at + 1) }
}

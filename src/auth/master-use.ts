// Which verdicts are about a master who wants to be somebody else, and what the audit keeps of them.

import type { MasterUse } from '../model/master-use.js'
import type { IncomingRequest } from './auth.js'
import type { ChainOutcome } from './chain-outcome.js'
import type { LoginNames } from './master-user.js'

/** The use that this login was, or was meant to be; undefined for an ordinary login. */
export function masterUseOf(
  incoming: IncomingRequest,
  names: LoginNames,
  { result, reason, request }: Pick<ChainOutcome, 'result' | 'reason' | 'request'>,
): MasterUse | undefined {
  const asked = askedBy(incoming, names)
  if (asked === undefined) return undefined
  return {
    ...asked,
    ...(request.masterUser !== undefined && { master: request.masterUser }),
    ...(result === 'ok' && { user: request.user }),
    ...wayOf(incoming),
    result,
    ...(reason !== undefined && { reason }),
  }
}

/** The use that this login was meant to be, refused before any passdb was asked; undefined for an ordinary login. */
export function refusedMasterUse(
  incoming: IncomingRequest,
  names: LoginNames,
  reason: string,
): MasterUse | undefined {
  const asked = askedBy(incoming, names)
  return asked && { ...asked, ...wayOf(incoming), result: 'user_disabled', reason }
}

type Way = Omit<MasterUse, 'master' | 'user' | 'result' | 'reason'>

function wayOf(incoming: IncomingRequest): Way {
  const { protocol, mechanism, remoteIp, realRemoteIp, sessionId } = incoming
  return {
    verifiedBy: incoming.skipPasswordCheck === true ? 'caller' : 'homing',
    protocol,
    ...(mechanism !== undefined && { mechanism }),
    ...(remoteIp !== undefined && { remoteIp }),
    ...(realRemoteIp !== undefined && { realRemoteIp }),
    ...(sessionId !== undefined && { sessionId }),
  }
}

function askedBy(
  { user, masterUser, skipPasswordCheck }: IncomingRequest,
  names: LoginNames,
): { master: string; user: string } | undefined {
  if (skipPasswordCheck === true) {
    return masterUser === undefined
      ? undefined
      : { master: masterUser, user: 'user' in names ? names.user : user }
  }
  if ('refused' in names) return names.attempt && { master: names.attempt.master, user: names.attempt.login }
  return names.loginUser === undefined ? undefined : { master: names.user, user: names.loginUser }
}

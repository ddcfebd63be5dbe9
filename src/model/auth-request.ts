// Who wants in, from where, over which protocol: one request, whatever door it came through.

export interface AuthRequest {
  /** The login name after the auth_username_* rules. Passdbs look up this one. */
  readonly user: string
  /** The login name as the client wrote it. */
  readonly originalUser: string
  /** Set while a master user logs in as somebody: the name whose mailbox is wanted. */
  readonly requestedLoginUser?: string | undefined
  /** The master user who logged in as `user`; set once the master's password was right. */
  readonly masterUser?: string | undefined
  /** `imap`, `pop3`, `lmtp`, `submission`, …; Dovecot 2.3 calls it service. Empty when the caller did not say. */
  readonly protocol: string
  /** SASL mechanism in capitals; absent for a lookup without a password. */
  readonly mechanism?: string | undefined
  readonly secured: 'none' | 'secured' | 'tls'
  readonly remoteIp?: string | undefined
  readonly localIp?: string | undefined
  /** The port that the client came to. */
  readonly localPort?: number | undefined
  /** The address of ours that the connection came to, where a proxy before us told another one. */
  readonly realLocalIp?: string | undefined
  readonly realRemoteIp?: string | undefined
  readonly sessionId?: string | undefined
  readonly clientId?: string | undefined
  readonly localName?: string | undefined
  /** The caller has verified the password already (Dovecot's `skip_password_check`, master logins). */
  readonly skipPasswordCheck?: boolean | undefined
}

/** A request as a door received it: `user` is what the client wrote, the rules are not applied yet. */
export type IncomingRequest = Omit<AuthRequest, 'originalUser' | 'requestedLoginUser'>

/** What becomes of a door's request once the rules have made `user` of its name. */
export function requestFrom(incoming: IncomingRequest, user: string): AuthRequest {
  return newRequest(incoming, user, incoming.user, undefined, incoming.masterUser)
}

/** The request under another name, and with another name that is wanted if there is one. */
export function renamedRequest(
  request: AuthRequest,
  user: string,
  requestedLoginUser = request.requestedLoginUser,
): AuthRequest {
  return newRequest(request, user, request.originalUser, requestedLoginUser, request.masterUser)
}

/** The request of a master who has become `user`. */
export function requestOfMaster(request: AuthRequest, masterUser: string, user: string): AuthRequest {
  return newRequest(request, user, request.originalUser, undefined, masterUser)
}

/**
 * Every property is there, in one order, whatever a door left out: V8 then reads all requests alike. Spreads in their place
 * took a tenth of a cached login.
 */
function newRequest(
  of: IncomingRequest,
  user: string,
  originalUser: string,
  requestedLoginUser: string | undefined,
  masterUser: string | undefined,
): AuthRequest {
  return {
    user,
    originalUser,
    requestedLoginUser,
    masterUser,
    protocol: of.protocol,
    mechanism: of.mechanism,
    secured: of.secured,
    remoteIp: of.remoteIp,
    localIp: of.localIp,
    localPort: of.localPort,
    realLocalIp: of.realLocalIp,
    realRemoteIp: of.realRemoteIp,
    sessionId: of.sessionId,
    clientId: of.clientId,
    localName: of.localName,
    skipPasswordCheck: of.skipPasswordCheck,
  }
}

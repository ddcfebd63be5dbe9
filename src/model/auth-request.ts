// Who wants in, from where, over which protocol: one request, whatever door it came through.

export interface AuthRequest {
  /** The login name after the auth_username_* rules. Passdbs look up this one. */
  readonly user: string
  /** The login name as the client wrote it. */
  readonly originalUser: string
  /** Set while a master user logs in as somebody: the name whose mailbox is wanted. */
  readonly requestedLoginUser?: string
  /** The master user who logged in as `user`; set once the master's password was right. */
  readonly masterUser?: string
  /** `imap`, `pop3`, `lmtp`, `submission`, …; Dovecot 2.3 calls it service. Empty when the caller did not say. */
  readonly protocol: string
  /** SASL mechanism in capitals; absent for a lookup without a password. */
  readonly mechanism?: string
  readonly secured: 'none' | 'secured' | 'tls'
  readonly remoteIp?: string
  readonly localIp?: string
  /** The port that the client came to. */
  readonly localPort?: number
  /** The address of ours that the connection came to, where a proxy before us told another one. */
  readonly realLocalIp?: string
  readonly realRemoteIp?: string
  readonly sessionId?: string
  readonly clientId?: string
  readonly localName?: string
  /** The caller has verified the password already (Dovecot's `skip_password_check`, master logins). */
  readonly skipPasswordCheck?: boolean
}

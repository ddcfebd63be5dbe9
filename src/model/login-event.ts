// What is kept of a login, or of the attempt at one. No password, no hash, no field.

export interface LoginEvent {
  /** Seconds since 1970. */
  readonly at: number
  readonly user: string
  /** In Dovecot's words: `ok`, `password_mismatch` … */
  readonly result: string
  readonly protocol: string
  readonly mechanism?: string
  /** An address, or its network where addresses are shortened. */
  readonly remoteIp?: string
  /** Who logged in as this user. */
  readonly masterUser?: string
  readonly sessionId?: string
}

/** Where events are kept. Rejects with an error that says by `temporary` whether trying again may help. */
export interface LoginEventStore {
  /** All of them or none. */
  add(events: readonly LoginEvent[]): Promise<void>
  /** When these users last logged in; an older time changes nothing. */
  setLastLogins(events: readonly LoginEvent[]): Promise<void>
  /** Removes events older than this, at most `limit` of them; how many there were. */
  prune(beforeUnixSeconds: number, limit: number): Promise<number>
}

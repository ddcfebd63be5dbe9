/** Where time comes from, so that tests can move it. */
export interface Clock {
  /** Milliseconds that only ever grow; the zero point means nothing. For durations and deadlines. */
  now(): number
  /** Seconds since 1970, as people and Dovecot's `delay_until` count them. */
  unixSeconds(): number
}

export const systemClock: Clock = {
  now: () => performance.now(),
  unixSeconds: () => Math.floor(Date.now() / 1000),
}

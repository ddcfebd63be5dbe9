// Passwords stored as they are: PLAIN, CLEAR, CLEARTEXT, PLAIN-TRUNC.

import { malformed, type PasswordScheme } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'

export const plain: PasswordScheme = {
  encoding: 'none',
  read: raw => ({ kind: 'cheap', matches: password => sameBytes(password, raw) }),
  generate: password => ({ kind: 'cheap', raw: password }),
}

const DASH = 0x2d

/**
 * `<length>-<text>`: where the text is exactly that long it may have been cut, and matches every password that
 * begins with it (password-scheme.c:plain_trunc_verify, 2.3.19 and 2.4.1).
 */
export const plainTrunc: PasswordScheme = {
  encoding: 'none',
  read(raw) {
    const dash = raw.indexOf(DASH)
    const length = raw.subarray(0, Math.max(dash, 0)).toString('latin1')
    if (dash < 0 || !/^\d*$/.test(length)) return malformed('PLAIN-TRUNC has no "length-" before the text')
    const text = raw.subarray(dash + 1)
    const mayBeCut = Number(length) === text.length
    return {
      kind: 'cheap',
      matches: password => sameBytes(mayBeCut ? password.subarray(0, text.length) : password, text),
    }
  },
}

// One login as a policy sees it: who, from where, and a short hash of the password.

import { asciiLower } from '../model/ascii-case.js'

export interface Attempt {
  /** In one form, whatever its case. */
  readonly login: string
  /** In one form: `::ffff:192.0.2.1` is 192.0.2.1. Absent: the caller did not say, or said no address. */
  readonly remote?: string
  /** Dovecot's pwhash: a few bits, the same for the same password of the same user. */
  readonly pwhash: string
  /** Dovecot's session id: the same when a login is asked about, answered and reported. */
  readonly session?: string
  /** In capitals; absent: the caller did not say. */
  readonly mechanism?: string
}

/**
 * Whether nobody can tell one password of this attempt from another. In CRAM-MD5, SCRAM and their like Dovecot has none, and
 * its pwhash is that of an empty one, whatever was guessed (seen on 2.3.19 and 2.4.1).
 */
export const hidesPassword = ({ pwhash, mechanism = '' }: Attempt): boolean =>
  pwhash === '' || /^(SCRAM-|CRAM-MD5|DIGEST-MD5|APOP|NTLM|RPA|OTP|SKEY|GSS)/.test(mechanism)

/** What one login came to. */
export interface Report extends Attempt {
  readonly success: boolean
  /** It never reached a password: a policy had refused it. */
  readonly policyReject: boolean
  /** Dovecot 2.4 says why (`credentials`, `account`, `policy`, `internal`, `expired`, `disabled`); 2.3 does not. */
  readonly failType: string
}

const LONGEST_NAME = 64

/** A name as a key: long ones are as good by their beginning and their length, and take no memory. */
export function loginOf(text: string): string {
  const name = asciiLower(text)
  return name.length <= LONGEST_NAME
    ? name
    : `${name.slice(0, LONGEST_NAME)}…${name.length}${sum(name).toString(36)}`
}

/** A session's name as it is compared and remembered: no caller fills the memory with long ones. */
export const sessionOf = (text: string): string =>
  // A copy: V8 makes a slice of a long text so that it holds all of that.
  text.length <= LONGEST_NAME ? text : Buffer.from(text.slice(0, LONGEST_NAME)).toString()

/** The network around an address that addressOf made: `192.0.2.0/24`, `2001:db8:0:0/64`. */
export function networkOf(address: string, bits: { readonly ipv4: number; readonly ipv6: number }): string {
  if (!address.includes(':')) return `${beginning(address, '.', bits.ipv4 / 8)}/${bits.ipv4}`
  return `${beginning(address, ':', bits.ipv6 / 16)}/${bits.ipv6}`
}

/** The first parts of an address. */
function beginning(address: string, separator: string, parts: number): string {
  let end = -1
  for (let n = 0; n < parts; n++) {
    end = address.indexOf(separator, end + 1)
    if (end < 0) return address
  }
  return address.slice(0, end)
}

function sum(text: string): number {
  let value = 0
  for (let i = 0; i < text.length; i++) value = (Math.imul(value, 31) + text.charCodeAt(i)) | 0
  return value >>> 0
}

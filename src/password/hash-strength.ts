// How hard a stored value makes it to find the password by trying: for strengthening at login and for the audit.

import type { Comparison, HashLimits, Refused } from './password-scheme.js'
import type { SlowHash } from './slow-hash.js'
import { readStoredPassword } from './stored-password.js'

export interface HashStrength {
  readonly kind: 'strength'
  /** What it really is: `{CRYPT}$5$…` is SHA256-CRYPT. */
  readonly scheme: string
  /** `rounds=5000`, `cost=10`, `m=65536,t=3,p=1`; empty where a scheme has no such thing. */
  readonly cost: string
  /** Greater is harder. Within one class `work` decides. */
  readonly class: number
  readonly work: number
  /** The computation, where it is a slow one. */
  readonly hash?: SlowHash
}

/** In clear; a digest; a salted digest; crypt(3) of the last century; rounds; bcrypt; memory; and what nothing opens. */
export const strengthClass = {
  clear: 0,
  digest: 1,
  salted: 2,
  old: 3,
  rounds: 4,
  bcrypt: 5,
  memory: 6,
  locked: 7,
} as const

/** What the value is, or why it cannot be read: a login would fail for the same reason. */
export function strengthOf(stored: string, limits: HashLimits): HashStrength | Refused {
  const read = readStoredPassword(stored)
  if (read.kind === 'refused') return read
  const comparison = read.scheme.read(read.raw, limits)
  if (comparison.kind === 'refused') return comparison
  return describe(realName(read.name, comparison), comparison)
}

/** Negative: `a` is the weaker one. */
export const compareStrength = (a: HashStrength, b: HashStrength): number =>
  a.class - b.class || a.work - b.work

/**
 * Why no login could ever be compared with the value, however much work logins may cost; undefined where one could.
 * A locked account's is compared too: nothing matches it.
 */
export function whyUnreadable(stored: string): string | undefined {
  const strength = strengthOf(stored, withoutLimits)
  return strength.kind === 'refused' ? strength.reason : undefined
}

/**
 * What is wrong with a stored value for the accounts that open all others: whoever gets it can try passwords by the
 * million a second, or it cannot be read. Undefined when each try costs.
 */
export function tooFastToGuess(stored: string): string | undefined {
  const strength = strengthOf(stored, withoutLimits)
  if (strength.kind === 'refused') return strength.reason
  return strength.class < strengthClass.rounds
    ? `${strength.scheme} is too fast to guess for a master user`
    : undefined
}

/** How much a login may cost is not the question. */
const withoutLimits: HashLimits = {
  maxRounds: Number.MAX_SAFE_INTEGER,
  maxBcryptCost: 31,
  maxPasses: Number.MAX_SAFE_INTEGER,
  memoryBytes: Number.MAX_SAFE_INTEGER,
}

type Readable = Exclude<Comparison, Refused>

function describe(scheme: string, comparison: Readable): HashStrength {
  const strength = (name: keyof typeof strengthClass, cost = '', work = 0): HashStrength => ({
    kind: 'strength',
    scheme,
    cost,
    class: strengthClass[name],
    work,
    ...(comparison.kind === 'slow' && { hash: comparison.hash }),
  })
  if (comparison.kind === 'locked') return strength('locked', 'locked')
  if (comparison.kind === 'cheap') {
    return strength(inClear.has(scheme) ? 'clear' : salted.has(scheme) ? 'salted' : 'digest')
  }
  const { hash } = comparison
  switch (hash.kind) {
    case 'des-crypt':
      return strength('old', '', 25)
    case 'md5-crypt':
      return strength('old', '', 1000)
    case 'otp':
      return strength('old', `rounds=${hash.rounds}`, hash.rounds)
    case 'pbkdf2':
    case 'sha256-crypt':
    case 'sha512-crypt':
      return strength('rounds', `rounds=${hash.rounds}`, hash.rounds)
    case 'sha1-crypt':
    case 'sun-md5':
    case 'bsdi-crypt':
      return strength('old', `rounds=${hash.work}`, hash.work)
    case 'nt-hash':
      return strength('digest')
    case 'bcrypt':
      return strength('bcrypt', `cost=${hash.cost}`, hash.cost)
    case 'argon2i':
    case 'argon2id': {
      const { memoryKiB, passes, lanes } = hash
      return strength('memory', `m=${memoryKiB},t=${passes},p=${lanes}`, memoryKiB * passes)
    }
    case 'yescrypt':
    case 'gost-yescrypt':
    case 'scrypt':
      return strength('memory', `m=${hash.memoryBytes / 1024}`, hash.work / 8)
  }
}

const inClear = new Set(['PLAIN', 'PLAIN-TRUNC'])
/** DIGEST-MD5 has the name for a salt. */
const salted = new Set(['SMD5', 'SSHA', 'SSHA256', 'SSHA512', 'DIGEST-MD5'])

/** Aliases and names that take several kinds become the name of what is there. */
function realName(name: string, comparison: Readable): string {
  if (comparison.kind === 'slow') return slowNames[comparison.hash.kind] ?? name
  return cheapNames[name] ?? name
}

const slowNames: Readonly<Partial<Record<SlowHash['kind'], string>>> = {
  'des-crypt': 'DES-CRYPT',
  'md5-crypt': 'MD5-CRYPT',
  'sha256-crypt': 'SHA256-CRYPT',
  'sha512-crypt': 'SHA512-CRYPT',
  bcrypt: 'BLF-CRYPT',
  argon2i: 'ARGON2I',
  argon2id: 'ARGON2ID',
  yescrypt: 'yescrypt',
  'gost-yescrypt': 'gost-yescrypt',
  scrypt: 'scrypt',
  'sha1-crypt': 'sha1crypt',
  'sun-md5': 'SunMD5',
  'bsdi-crypt': 'BSDi extended DES',
  'nt-hash': 'NTHASH',
}

const cheapNames: Readonly<Record<string, string>> = {
  CLEAR: 'PLAIN',
  CLEARTEXT: 'PLAIN',
  SHA: 'SHA1',
  MD5: 'PLAIN-MD5',
  'HMAC-MD5': 'CRAM-MD5',
}

// What can be seen of a stored password without knowing it: was it cut off, has it a length that can match?

/** Bytes of a digest, before any salt. */
const digestBytes: Readonly<Record<string, { readonly bytes: number; readonly salted: boolean }>> = {
  SHA: { bytes: 20, salted: false },
  SHA1: { bytes: 20, salted: false },
  SHA256: { bytes: 32, salted: false },
  SHA512: { bytes: 64, salted: false },
  SSHA: { bytes: 20, salted: true },
  SSHA256: { bytes: 32, salted: true },
  SSHA512: { bytes: 64, salted: true },
  SMD5: { bytes: 16, salted: true },
  'LDAP-MD5': { bytes: 16, salted: false },
  'PLAIN-MD5': { bytes: 16, salted: false },
}

/** What a whole hash of crypt(3) looks like, by how it begins. */
const cryptShapes: readonly { readonly start: RegExp; readonly whole: RegExp }[] = [
  { start: /^\$6\$/, whole: /^\$6\$(rounds=\d+\$)?[^$]{0,16}\$[./0-9A-Za-z]{86}$/ },
  { start: /^\$5\$/, whole: /^\$5\$(rounds=\d+\$)?[^$]{0,16}\$[./0-9A-Za-z]{43}$/ },
  { start: /^\$1\$/, whole: /^\$1\$[^$]{0,8}\$[./0-9A-Za-z]{22}$/ },
  { start: /^\$2[abxy]\$/, whole: /^\$2[abxy]\$\d\d\$[./0-9A-Za-z]{53}$/ },
  {
    start: /^\$argon2(id|i|d)\$/,
    whole: /^\$argon2(id|i|d)\$(v=\d+\$)?[^$]+\$[+/0-9A-Za-z]+\$[+/0-9A-Za-z]{16,}$/,
  },
]

/** The widths of the guide's password columns. */
const NARROW = [60, 64]

export type PasswordProblem =
  /** Nobody can log in with it: the rest is gone. */
  | 'password-cut-off'
  /** It decodes to another length than its scheme makes: it can never match. */
  | 'password-wrong-length'

/** undefined: nothing to be seen. `{PLAIN}` shows nothing, and an unknown scheme may be right. */
export function storedPasswordProblem(stored: string): PasswordProblem | undefined {
  const problem = problemOf(stored)
  return problem && NARROW.includes(stored.length) ? 'password-cut-off' : problem
}

function problemOf(stored: string): PasswordProblem | undefined {
  const parts = /^\{([^{}.]+)(?:\.(\w+))?\}(.*)$/s.exec(stored)
  if (!parts)
    return stored.startsWith('{') && !stored.includes('}') ? 'password-cut-off' : cryptProblem(stored)
  const [, scheme = '', encoding, hash = ''] = parts
  const digest = Object.hasOwn(digestBytes, scheme.toUpperCase())
    ? digestBytes[scheme.toUpperCase()]
    : undefined
  return digest ? digestProblem(hash, encoding?.toLowerCase(), digest) : cryptProblem(hash)
}

function cryptProblem(hash: string): PasswordProblem | undefined {
  const shape = cryptShapes.find(({ start }) => start.test(hash))
  return shape && !shape.whole.test(hash) ? 'password-cut-off' : undefined
}

/** Dovecot takes hex where the length says so, else base64 (password-scheme.c:password_decode, 2.3.19). */
function digestProblem(
  text: string,
  encoding: string | undefined,
  digest: { readonly bytes: number; readonly salted: boolean },
): PasswordProblem | undefined {
  const isHex =
    encoding === 'hex' ||
    (encoding === undefined && text.length === digest.bytes * 2 && /^[\da-f]+$/i.test(text))
  const bytes = isHex ? Math.floor(text.length / 2) : Buffer.from(text, 'base64').length
  const fits = digest.salted ? bytes > digest.bytes : bytes === digest.bytes
  const isWhole = isHex ? text.length % 2 === 0 : text.replace(/=+$/, '').length % 4 !== 1 && hasPadding(text)
  if (fits && isWhole) return undefined
  return isWhole ? 'password-wrong-length' : 'password-cut-off'
}

function hasPadding(text: string): boolean {
  return text.length % 4 === 0 || !text.includes('=')
}

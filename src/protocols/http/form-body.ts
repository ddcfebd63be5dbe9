// Bytes of an `application/x-www-form-urlencoded` body → its parameters, or why not. Pure.
//
// Values stay bytes, one character each: a password need not be UTF-8, and what it is nobody but the verifier decides. A
// key that stands twice is refused, so that no two readers see two logins (RFC 6749, section 3.2).

/** Key → value, one character a byte (`latin1`). */
export type Form = ReadonlyMap<string, string>

export type FormBody = { readonly form: Form } | { readonly malformed: string }

/** Parses the bytes of one request. What is malformed is named without repeating any of it. */
export function parseFormBody(bytes: Buffer): FormBody {
  return parseFormText(bytes.toString('latin1'))
}

/** The same of a body with one character a byte: `&`, `=`, `%` and `+` are found as what they are, whatever is between. */
export function parseFormText(text: string): FormBody {
  const form = new Map<string, string>()
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const key = decode(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1))
    if (key === undefined || value === undefined) {
      return { malformed: 'the form has a % without two hexadecimal digits behind it' }
    }
    if (form.has(key)) return { malformed: 'a parameter stands in the form twice' }
    form.set(key, value)
  }
  return { form }
}

const encoded = /[%+]/
const goodEscapes = /^[^%]*(?:%[0-9a-f]{2}[^%]*)*$/i

/** One character a byte, in and out; undefined for a `%` that is none. */
function decode(text: string): string | undefined {
  if (!encoded.test(text)) return text
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  if (!goodEscapes.test(spaced)) return undefined
  return spaced.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

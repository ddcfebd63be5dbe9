// Text to bytes as Dovecot decodes stored passwords (password-scheme.c:password_decode); undefined for no valid text.

/** Padded, blanks ignored, as base64_decode() takes it. */
export function decodeBase64(text: string): Buffer | undefined {
  const dense = text.replace(/[ \t\r\n]/g, '')
  const isValid = dense.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(dense)
  return isValid ? Buffer.from(dense, 'base64') : undefined
}

export const decodeHex = (text: string): Buffer | undefined =>
  /^([0-9a-f]{2})*$/i.test(text) ? Buffer.from(text, 'hex') : undefined

/** Twice as long as the bytes is hex, unless it is not; everything else is base64. */
export const decodeOfLength = (text: string, bytes: number): Buffer | undefined =>
  (text.length === bytes * 2 ? decodeHex(text) : undefined) ?? decodeBase64(text)

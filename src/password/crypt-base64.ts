// crypt(3)'s own base 64: another alphabet than MIME's, little end first, and a byte order per method.

export const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** What each character stands for, by its code. */
const digits: readonly (number | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const digit = alphabet.indexOf(String.fromCharCode(code))
  return digit < 0 ? undefined : digit
})

/** Groups of up to three byte positions; each group is written as one character more than it has bytes. */
export type ByteOrder = readonly (readonly number[])[]

export function encodeCrypt64(bytes: Uint8Array, order: ByteOrder): string {
  return order.map(group => encodeGroup(group.map(i => bytes[i] ?? 0))).join('')
}

/** The bytes, or undefined for text that no digest is written as. */
export function decodeCrypt64(text: string, order: ByteOrder): Buffer | undefined {
  let length = 0
  for (const group of order) length += group.length
  if (text.length !== length + order.length) return undefined
  const bytes = Buffer.alloc(length)
  let from = 0
  for (const group of order) {
    let value = 0
    for (let i = from + group.length; i >= from; i--) {
      const digit = digits[text.charCodeAt(i)]
      if (digit === undefined) return undefined
      value = value * 64 + digit
    }
    from += group.length + 1
    // Its first byte is the highest: what is left when the others are taken off must be one.
    for (let i = group.length - 1; i >= 0; i--) {
      bytes[group[i] ?? 0] = value & 0xff
      value >>>= 8
    }
    if (value !== 0) return undefined
  }
  return bytes
}

/** A number of so many characters, little end first; undefined for text that is none. */
export function decodeFixed64Number(text: string): number | undefined {
  let value = 0
  for (let i = text.length - 1; i >= 0; i--) {
    const digit = digits[text.charCodeAt(i)]
    if (digit === undefined) return undefined
    value = value * 64 + digit
  }
  return value
}

/**
 * A number of as many characters as its first one says (libxcrypt alg-yescrypt-common.c:decode64_uint32), and where the
 * next begins.
 */
export function decode64Number(
  text: string,
  from: number,
  least: number,
): { value: number; end: number } | undefined {
  const first = digits[text.charCodeAt(from)]
  if (first === undefined) return undefined
  let value = least
  let [start, last, more] = [0, 47, 0]
  for (; first > last; more++) {
    value += (last + 1 - start) * 64 ** more
    start = last + 1
    last = start + Math.floor((62 - last) / 2)
  }
  value += (first - start) * 64 ** more
  for (let i = 1; i <= more; i++) {
    const digit = digits[text.charCodeAt(from + i)]
    if (digit === undefined) return undefined
    value += digit * 64 ** (more - i)
  }
  return { value, end: from + 1 + more }
}

/** `count` random characters of the alphabet. */
export const saltFrom = (random: Buffer): string => [...random].map(byte => alphabet[byte & 0x3f]).join('')

function encodeGroup(bytes: readonly number[]): string {
  let value = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  let text = ''
  for (let i = 0; i <= bytes.length; i++) {
    text += alphabet[value & 0x3f]
    value >>>= 6
  }
  return text
}

/** What libxcrypt 4.4 takes as a salt: printable ASCII without blank and `! * : ; \\`, which mean something in /etc/shadow. */
export const saltCharacters = /^["-)+-9<-[\]-~]*$/

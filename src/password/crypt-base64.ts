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
  const bytes = Buffer.alloc(order.reduce((sum, group) => sum + group.length, 0))
  let from = 0
  for (const group of order) {
    let value = 0
    for (let i = from + group.length; i >= from; i--) {
      const digit = digits[text.charCodeAt(i)]
      if (digit === undefined) return undefined
      value = value * 64 + digit
    }
    from += group.length + 1
    if (value >= 256 ** group.length) return undefined
    group.forEach((position, i) => {
      bytes[position] = (value >>> (8 * (group.length - 1 - i))) & 0xff
    })
  }
  return from === text.length ? bytes : undefined
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

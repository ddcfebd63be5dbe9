// The thousand rounds of MD5-CRYPT (Kamp 1994).

import { hash } from 'node:crypto'

const md5 = (...parts: readonly Uint8Array[]): Buffer => hash('md5', Buffer.concat(parts), 'buffer')

/** The digest before crypt's own base64. */
export function computeMd5Crypt(password: Uint8Array, salt: Uint8Array): Buffer {
  const beginning = md5(password, salt, password)
  const weird: Uint8Array[] = []
  for (let left = password.length; left > 0; left -= 16) weird.push(beginning.subarray(0, Math.min(left, 16)))
  for (let bits = password.length; bits > 0; bits >>= 1) {
    weird.push(bits & 1 ? Buffer.of(0) : password.subarray(0, 1))
  }
  let last = md5(password, Buffer.from('$1$'), salt, ...weird)
  for (let r = 0; r < 1000; r++) {
    const isOdd = (r & 1) !== 0
    last = md5(
      isOdd ? password : last,
      ...(r % 3 === 0 ? [] : [salt]),
      ...(r % 7 === 0 ? [] : [password]),
      isOdd ? last : password,
    )
  }
  return last
}

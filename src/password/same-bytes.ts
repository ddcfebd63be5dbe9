import { timingSafeEqual } from 'node:crypto'

/** Whether both are the same, in a time that depends on their lengths only. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length === b.length) return timingSafeEqual(a, b)
  const length = Math.max(a.length, b.length)
  timingSafeEqual(padded(a, length), padded(b, length))
  return false
}

function padded(bytes: Uint8Array, length: number): Buffer {
  const result = Buffer.alloc(length)
  result.set(bytes)
  return result
}

// The beginning of sha-crypt (Drepper 2007, steps 1 to 20), before the many rounds: the same for every engine.

import type { ShaCryptInput } from './sha-crypt-engine.js'

/** Hashes what `write` put into the given buffer and told the length of. */
export type ScratchHash = (write: (scratch: Buffer) => number) => Buffer

export interface ShaCryptStart {
  /** A's digest: the rounds begin with it. */
  readonly first: Buffer
  /** As long as the password. */
  readonly passwordBytes: Buffer
  /** As long as the salt. */
  readonly saltBytes: Buffer
}

export function startShaCrypt(hash: ScratchHash, { password, salt }: ShaCryptInput): ShaCryptStart {
  const b = hash(scratch => append(scratch, 0, password, salt, password))
  const first = hash(scratch => {
    let end = append(scratch, 0, password, salt)
    end = repeat(scratch, end, b, password.length)
    for (let bits = password.length; bits > 0; bits >>= 1) end = append(scratch, end, bits & 1 ? b : password)
    return end
  })
  const dp = hash(scratch => repeat(scratch, 0, password, password.length * password.length))
  const ds = hash(scratch => repeat(scratch, 0, salt, salt.length * (16 + (first[0] ?? 0))))
  return { first, passwordBytes: repeated(dp, password.length), saltBytes: repeated(ds, salt.length) }
}

function append(target: Buffer, start: number, ...parts: readonly Uint8Array[]): number {
  let end = start
  for (const part of parts) {
    target.set(part, end)
    end += part.length
  }
  return end
}

/** Writes `part` again and again, cut at `length` bytes. */
function repeat(target: Buffer, start: number, part: Uint8Array, length: number): number {
  const end = start + length
  if (length <= part.length) target.set(part.subarray(0, length), start)
  else {
    target.set(part, start)
    // What stands there already is copied behind itself: the second half from the first.
    for (let done = part.length; done < length; done *= 2) {
      target.copyWithin(start + done, start, start + Math.min(done, length - done))
    }
  }
  return end
}

function repeated(part: Uint8Array, length: number): Buffer {
  const result = Buffer.allocUnsafe(length)
  repeat(result, 0, part, length)
  return result
}

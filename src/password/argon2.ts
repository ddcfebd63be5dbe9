// ARGON2I, ARGON2ID, ARGON2: `$argon2id$v=19$m=KiB,t=passes,p=lanes$salt$digest`, as libsodium writes it.

import {
  type Comparison,
  type GenerateOptions,
  type HashLimits,
  isLocked,
  malformed,
  type PasswordScheme,
} from './password-scheme.js'
import { sameBytes } from './same-bytes.js'
import type { Argon2 } from './slow-hash.js'

const SALT_BYTES = 16
const DIGEST_BYTES = 32
const VERSION = 19

/** What `doveadm pw -r` means by rounds: passes, and from where on how much memory in KiB (libsodium's three levels). */
const levels = {
  argon2i: {
    passes: 4,
    memory: [
      [8, 524_288],
      [6, 131_072],
      [0, 32_768],
    ],
  },
  argon2id: {
    passes: 3,
    memory: [
      [4, 1_048_576],
      [3, 262_144],
      [0, 65_536],
    ],
  },
} as const

/** Any of the three names verifies both kinds: the value says which it is. */
export const argon2 = (kind: 'argon2i' | 'argon2id'): PasswordScheme => ({
  encoding: 'none',
  read: (raw, limits) => readArgon2(raw.toString('latin1'), limits),
  generate: (_password, options) => generateArgon2(kind, options),
})

const format =
  /^\$(argon2id?)\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,7})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** libsodium wants version 19, a salt of 8 bytes and a digest of 16 at least; what it refuses is malformed. */
function readArgon2(text: string, limits: HashLimits): Comparison {
  if (isLocked(text)) return { kind: 'locked' }
  const [, kind, memory, passes, lanes, saltText, digestText] = format.exec(text) ?? []
  if (kind === undefined) return malformed('the value is no argon2i or argon2id of version 19')
  const salt = decodeUnpadded(saltText)
  const digest = decodeUnpadded(digestText)
  if (!salt || salt.length < 8 || !digest || digest.length < 16) {
    return malformed('ARGON2 whose salt or digest is cut or damaged')
  }
  const hash: Argon2 = {
    kind: kind === 'argon2i' ? 'argon2i' : 'argon2id',
    memoryKiB: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    salt,
    bytes: digest.length,
  }
  const excess = tooMuch(hash, limits)
  if (excess !== undefined) return malformed(excess)
  return { kind: 'slow', hash, matches: computed => sameBytes(computed, digest) }
}

function tooMuch({ memoryKiB, passes, lanes }: Argon2, limits: HashLimits): string | undefined {
  if (memoryKiB * 1024 > limits.memoryBytes) return 'ARGON2 with more memory than auth_hash_memory_limit'
  if (passes > limits.maxPasses) return 'ARGON2 with more passes than auth_hash_max_passes'
  if (lanes > 64 || memoryKiB < 8 * lanes) return 'ARGON2 with too many lanes'
  return undefined
}

function generateArgon2(kind: 'argon2i' | 'argon2id', { rounds, randomBytes }: GenerateOptions) {
  const level = levels[kind]
  // libsodium takes three passes at least, and chooses the memory before that.
  const wanted = rounds || (kind === 'argon2id' ? 2 : level.passes)
  const [, memoryKiB] = level.memory.find(([from]) => wanted >= from) ?? level.memory[2]
  const passes = Math.max(wanted, 3)
  const salt = randomBytes(SALT_BYTES)
  const hash: Argon2 = { kind, memoryKiB, passes, lanes: 1, salt, bytes: DIGEST_BYTES }
  const head = `$${kind}$v=${VERSION}$m=${memoryKiB},t=${passes},p=1$${unpadded(salt)}$`
  return {
    kind: 'slow',
    hash,
    raw: (digest: Buffer) => Buffer.from(head + unpadded(digest), 'latin1'),
  } as const
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

/** Only what the bytes are written as: other texts that decode to them would never compare equal. */
function decodeUnpadded(text = ''): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return unpadded(bytes) === text ? bytes : undefined
}

// What a caller sends as a secret, compared with the right ones in a time that tells nothing about them.

import { hash, timingSafeEqual } from 'node:crypto'

/** A secret in bytes of one length for all, as timingSafeEqual wants them: equal for equal texts, and for those alone. */
export type SecretBlock = Buffer

/** Bytes. Secrets of people and of programs have room in it; to hash every one would take several times as long. */
const LENGTH = 256
const LENGTH_FIELD = 2
/** In place of the length: what follows is the SHA-256 of a text that has no room. */
const HASHED = 0xffff

const given = Buffer.alloc(LENGTH)

/**
 * The secrets of a setting, one a line, with one character a byte as in headers and forms. Each is there without the
 * space around it as well: no header carries that, so a caller who sends the same line sends it without.
 */
export function secretsIn(setting: string): string[] {
  const lines = setting.split(/\r?\n/).filter(line => line.trim() !== '')
  const secrets = new Set(lines.flatMap(line => [line, line.trim()]))
  return [...secrets].map(secret => Buffer.from(secret, 'utf8').toString('latin1'))
}

export function secretBlock(text: string): SecretBlock {
  const block = Buffer.alloc(LENGTH)
  write(text, block)
  return block
}

/** Whether the text is one of the secrets. Every one is compared, whichever is right; nothing of the text is kept. */
export function isAmong(text: string, secrets: readonly SecretBlock[]): boolean {
  write(text, given)
  const count = secrets.filter(secret => timingSafeEqual(given, secret)).length
  given.fill(0)
  return count > 0
}

/** `block` is all zeros before. */
function write(text: string, block: Buffer): void {
  const length = Buffer.byteLength(text, 'utf8')
  if (length <= LENGTH - LENGTH_FIELD) {
    block.writeUInt16BE(length)
    block.write(text, LENGTH_FIELD, 'utf8')
  } else {
    block.writeUInt16BE(HASHED)
    hash('sha256', text, 'buffer').copy(block, LENGTH_FIELD)
  }
}

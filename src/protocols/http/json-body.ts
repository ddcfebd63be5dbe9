// Bytes of a request body → a JSON object, or why not. Pure.
//
// Stricter than JSON.parse where leniency could let two readers see two requests (a key twice, `__proto__`,
// a byte order mark), and able to carry a password that is not UTF-8: such a body is read byte for byte.

import { isAscii, isUtf8 } from 'node:buffer'

export type JsonBody =
  | { readonly body: Readonly<Record<string, unknown>>; readonly encoding: BodyEncoding }
  | { readonly malformed: string }

/** How text in the body maps to bytes: `latin1` when the body is no valid UTF-8, one character a byte. */
export type BodyEncoding = 'utf8' | 'latin1'

/** Parses the bytes of one request. What is malformed is named without repeating any of it. */
export function parseJsonBody(bytes: Buffer): JsonBody {
  const encoding: BodyEncoding = isUtf8(bytes) ? 'utf8' : 'latin1'
  // ASCII is the same in both, and quicker to read a byte at a time.
  const text = bytes.toString(isAscii(bytes) ? 'latin1' : encoding)
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return { malformed: 'the body is not valid JSON' }
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { malformed: 'the body is not a JSON object' }
  }
  // Of a key that stands there twice JSON.parse keeps one.
  if (countTopLevelKeys(text) !== Object.keys(body).length) {
    return { malformed: 'a key stands in the body twice' }
  }
  if (Object.hasOwn(body, '__proto__')) return { malformed: 'the body has a key that is not allowed' }
  return { body: body as Record<string, unknown>, encoding }
}

/** How many keys the outermost object of valid JSON has, repetitions included. */
function countTopLevelKeys(text: string): number {
  let keys = 0
  let depth = 0
  let expectsKey = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) {
      if (expectsKey) keys++
      expectsKey = false
      at = endOfString(text, at)
    } else if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      depth++
      expectsKey = depth === 1
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) {
      depth--
    } else if (character === COMMA) {
      expectsKey = depth === 1
    }
  }
  return keys
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COMMA = 0x2c

function endOfString(text: string, start: number): number {
  let end = start + 1
  while (text.charCodeAt(end) !== QUOTE) end += text.charCodeAt(end) === BACKSLASH ? 2 : 1
  return end
}

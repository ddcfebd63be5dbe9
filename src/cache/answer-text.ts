// An answer of a passdb or userdb as one string: a tenth of the objects, and of the pauses of the garbage collector.

import type { ExtraFields } from '../model/extra-fields.js'

/** What is worth keeping of an answer that found somebody. */
export interface KeptAnswer {
  readonly credentials?: { readonly stored: string }
  readonly fields: ExtraFields
}

/** Between the texts; one that holds it makes the whole answer JSON, which is slower to read. */
const BORDER = '\0'
const STORED = '+'
const NOTHING_STORED = '-'
const JSON_START = '['

/** Never empty. Fields keep their order. */
export function answerText({ credentials, fields }: KeptAnswer): string {
  const texts = [credentials === undefined ? NOTHING_STORED : STORED + credentials.stored]
  for (const [name, value] of fields) texts.push(name, value)
  // Joined, not added up: a string that was added up keeps its pieces in memory.
  return texts.some(text => text.includes(BORDER)) ? JSON.stringify(texts) : texts.join(BORDER)
}

/** The answer that answerText was given. */
export function readAnswerText(text: string): KeptAnswer {
  const texts = text.startsWith(JSON_START) ? readJson(text) : text.split(BORDER)
  const [first = ''] = texts
  const fields = new Map<string, string>()
  for (let i = 1; i + 1 < texts.length; i += 2) fields.set(texts[i] ?? '', texts[i + 1] ?? '')
  return first === NOTHING_STORED
    ? { fields }
    : { credentials: { stored: first.slice(STORED.length) }, fields }
}

function readJson(text: string): string[] {
  return JSON.parse(text) as string[]
}

// An answer of a passdb or userdb as one string: a tenth of the objects, and of the pauses of the garbage collector.

import type { ExtraFields } from '../model/extra-fields.js'

/** What is worth keeping of an answer that found somebody. */
export interface KeptAnswer {
  readonly credentials?: { readonly stored: string }
  readonly fields: ExtraFields
}

/** Never empty. Fields keep their order. */
export function answerText({ credentials, fields }: KeptAnswer): string {
  const texts: (string | null)[] = [credentials?.stored ?? null]
  for (const [name, value] of fields) texts.push(name, value)
  return JSON.stringify(texts)
}

/** The answer that answerText was given. */
export function readAnswerText(text: string): KeptAnswer {
  const [stored, ...pairs] = JSON.parse(text) as [string | null, ...string[]]
  const fields = new Map<string, string>()
  for (let i = 0; i + 1 < pairs.length; i += 2) fields.set(pairs[i] ?? '', pairs[i + 1] ?? '')
  return stored === null ? { fields } : { credentials: { stored }, fields }
}

// A verdict as the caller wants it: JSON, or Dovecot's TAB-separated fields for a Lua script without a JSON library.

import type { ExtraFields } from '../../model/extra-fields.js'
import { tabEscape } from '../tab-escape.js'

/** The media type that asks for, and announces, one line of `key=value` pairs, TAB-escaped as Dovecot does. */
export const DOVECOT_FIELDS = 'text/x-dovecot-fields'

/** What every verdict has, whichever question it answers. */
export interface Verdict {
  readonly result: string
  readonly user: string
  readonly reason?: string | undefined
  readonly fields: ExtraFields
  /** Set when too much was asked: the header Retry-After. */
  readonly retryAfterSecs?: number | undefined
}

export interface ReplyBody {
  result: string
  user: string
  fields: Record<string, string>
  reason?: string
}

/** Trouble on our side is no verdict on the user, and no proxy or client may cache it as one. */
export function statusOf(verdict: Verdict): 200 | 503 {
  return verdict.result === 'internal_failure' ? 503 : 200
}

export function wantsDovecotFields(accept: string | undefined): boolean {
  return accept?.includes(DOVECOT_FIELDS) ?? false
}

export function formatJson(verdict: Verdict): ReplyBody {
  const { result, user, reason } = verdict
  const fields = new Fields()
  for (const [name, value] of verdict.fields) fields[name] = value
  return reason === undefined ? { result, user, fields } : { result, user, fields, reason }
}

/** Inherits nothing, so that a field of any name is its own; quicker to fill than what Object.fromEntries makes. */
const Fields = function Fields() {} as unknown as new () => Record<string, string>
Fields.prototype = Object.create(null)

/** `result=ok<TAB>user=…[<TAB>reason=…]<TAB>field=value…<LF>`: the first pair is always the result. */
export function formatDovecotFields(verdict: Verdict): string {
  let line = `result=${verdict.result}\tuser=${tabEscape(verdict.user)}`
  if (verdict.reason !== undefined) line += `\treason=${tabEscape(verdict.reason)}`
  for (const [name, value] of verdict.fields) line += `\t${tabEscape(name)}=${tabEscape(value)}`
  return `${line}\n`
}

// One answered question as a line of JSON, as pino would write it: every login has one, and it was a sixth of a cached lookup.

import type { AuthEvent, TraceStep } from '../model/auth-event.js'
import { describeCause } from './describe-cause.js'
import { stepText } from './step-text.js'

export type EventLevel = 'info' | 'warn' | 'error'

/** A whole line, line break included. `time` is ISO 8601. */
export function formatJsonEvent(level: EventLevel, time: string, event: AuthEvent): string {
  const { question, result, user, originalUser, protocol, trace } = event
  let line = `{"level":"${level}","time":"${time}","result":"${result}","user":${quoted(user)}`
  if (originalUser !== user) line += `,"original_user":${quoted(originalUser)}`
  if (event.masterUser !== undefined) line += `,"master_user":${quoted(event.masterUser)}`
  if (protocol !== '') line += `,"protocol":${quoted(protocol)}`
  if (event.mechanism !== undefined) line += `,"mechanism":${quoted(event.mechanism)}`
  if (event.remoteIp !== undefined) line += `,"remote_ip":${quoted(event.remoteIp)}`
  if (event.sessionId !== undefined) line += `,"session":${quoted(event.sessionId)}`
  if (event.reason !== undefined) line += `,"reason":${quoted(event.reason)}`
  if (event.cause !== undefined) line += `,"cause":${JSON.stringify(describeCause(event.cause))}`
  line += `,"passdbs":${quoted(trace.map(stepText).join(' '))}`
  const stale = trace.find(isStale)
  if (stale?.reason !== undefined) line += `,"stale":${quoted(stale.reason)}`
  return `${line},"ms":${Math.round(event.ms * 100) / 100},"msg":"${question}: ${result}"}\n`
}

/** Printable ASCII without quote and backslash stands for itself in JSON (RFC 8259, section 7). */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const quoted = (text: string): string => (plain.test(text) ? `"${text}"` : JSON.stringify(text))

const isStale = ({ cache }: TraceStep): boolean => cache === 'stale'

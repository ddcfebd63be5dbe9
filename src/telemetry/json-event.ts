// One answered question as a line of JSON, as pino would write it: every login has one, and it was a sixth of a cached lookup.

import type { AuthEvent, AuthTrace, TraceStep } from '../model/auth-event.js'
import { jsonText } from '../model/json-text.js'
import { describeCause } from './describe-cause.js'
import { stepText } from './step-text.js'

export type EventLevel = 'info' | 'warn' | 'error'

/** A whole line, line break included. `time` is ISO 8601. */
export function formatJsonEvent(level: EventLevel, time: string, event: AuthEvent): string {
  const { question, result, user, originalUser, protocol, trace } = event
  let line = `{"level":"${level}","time":"${time}","result":"${result}","user":${jsonText(user)}`
  if (originalUser !== user) line += `,"original_user":${jsonText(originalUser)}`
  if (event.masterUser !== undefined) line += `,"master_user":${jsonText(event.masterUser)}`
  if (protocol !== '') line += `,"protocol":${jsonText(protocol)}`
  if (event.mechanism !== undefined) line += `,"mechanism":${jsonText(event.mechanism)}`
  if (event.remoteIp !== undefined) line += `,"remote_ip":${jsonText(event.remoteIp)}`
  if (event.sessionId !== undefined) line += `,"session":${jsonText(event.sessionId)}`
  if (event.reason !== undefined) line += `,"reason":${jsonText(event.reason)}`
  if (event.cause !== undefined) line += `,"cause":${JSON.stringify(describeCause(event.cause))}`
  line += `,"passdbs":${jsonText(stepsText(trace))}`
  const stale = trace.find(isStale)
  if (stale?.reason !== undefined) line += `,"stale":${jsonText(stale.reason)}`
  return `${line},"ms":${hundredths(event.ms)},"msg":"${question}: ${result}"}\n`
}

function stepsText(trace: AuthTrace): string {
  let text = ''
  for (const step of trace) text += text === '' ? stepText(step) : ` ${stepText(step)}`
  return text
}

/** With two digits behind the point. To write a fraction takes as long as the whole line. */
function hundredths(number: number): string {
  const rounded = Math.round(number * 100)
  const rest = rounded % 100
  return `${(rounded - rest) / 100}.${rest < 10 ? '0' : ''}${rest}`
}

const isStale = ({ cache }: TraceStep): boolean => cache === 'stale'

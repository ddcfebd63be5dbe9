// Log lines in Dovecot's shape, for syslog, fail2ban and people: one line each, and nobody's name can make it say more.

import { isIP } from 'node:net'
import type { AuthEvent } from '../model/auth-event.js'
import { stepText } from './step-text.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const levelWords: Readonly<Record<LogLevel, string>> = {
  debug: 'Debug',
  info: 'Info',
  warn: 'Warning',
  error: 'Error',
}

/**
 * `auth: Info: sql(anna@example.org,198.51.100.7,<session>): Password mismatch`, as Dovecot's auth process writes it with
 * auth_verbose. What fail2ban's filter looks for is said of passwords that were tried, not of lookups: for those of LMTP
 * the address is a mail server's.
 */
export function formatAuthEvent(level: LogLevel, event: AuthEvent): string {
  const { question, result } = event
  const text = question === 'verify' ? verifyWords[result] : undefined
  return `auth: ${levelWords[level]}: ${whoOf(event)}: ${text ?? `${question} ${result}`}${detailsOf(event)}`
}

/** auth-request.c and passdb.c, 2.3.19. */
const verifyWords: Readonly<Partial<Record<AuthEvent['result'], string>>> = {
  password_mismatch: 'Password mismatch',
  user_unknown: 'unknown user',
}

function whoOf({ trace, user, remoteIp, sessionId }: AuthEvent): string {
  const parts = [plainName(user)]
  if (remoteIp !== undefined && isIP(remoteIp) !== 0) parts.push(remoteIp.replace(/%.*$/, ''))
  if (sessionId !== undefined) parts.push(`<${plainName(sessionId)}>`)
  return `${trace.at(-1)?.driver ?? 'auth'}(${parts.join(',')})`
}

function detailsOf(event: AuthEvent): string {
  const { originalUser, user, masterUser, protocol, mechanism, reason, cause, trace, ms } = event
  const details: Record<string, unknown> = {
    ...(originalUser !== user && { original_user: plainName(originalUser) }),
    ...(masterUser !== undefined && { master_user: plainName(masterUser) }),
    ...(protocol !== '' && { protocol: plainName(protocol) }),
    ...(mechanism !== undefined && { mechanism: plainName(mechanism) }),
    ...(reason !== undefined && { reason }),
    ...(cause !== undefined && { cause: cause instanceof Error ? cause.message : String(cause) }),
    passdbs: trace.map(stepText),
    ms: Math.round(ms * 100) / 100,
  }
  return formatDetails(details)
}

/** `homing: Info: ready addresses=["127.0.0.1:8080"]`: whatever else is logged, from pino's line. */
export function formatJsonLine(line: string): string {
  const { level, time: _, msg, ...details } = JSON.parse(line) as Record<string, unknown>
  const text = visible(String(msg ?? '')).replace(/^([a-z-]+)\(/i, '$1 (')
  return `homing: ${levelWords[level as LogLevel] ?? 'Info'}: ${text}${formatDetails(details)}`
}

function formatDetails(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .map(([key, value]) => ` ${key}=${formatValue(value)}`)
    .join('')
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(formatValue).join(',')
  if (typeof value === 'string' && /^[\w@.:/<>%+*-]+$/.test(value)) return value
  return visible(JSON.stringify(value) ?? '')
}

/** What ends a line for somebody, or hides what stands in it, as `\u2028`. */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * Letters, digits and `@._+*-` as they are, every other byte as %XX. A name can then end no field and look like no other
 * field, and be read back.
 */
export function plainName(text: string): string {
  return text.replace(/[^A-Za-z0-9@._+*/-]+/g, odd =>
    [...Buffer.from(odd)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Nov 05 06:10:04 ` in local time, Dovecot's default log_timestamp. */
export function formatTimestamp(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${months[date.getMonth()]} ${two(date.getDate())} ${time} `
}

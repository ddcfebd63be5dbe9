// What the engine says, printed as doveadm prints it, and as data.

import type { AuthOutcome, UserdbOutcome } from '../auth/auth-outcome.js'
import type { AuthTrace } from '../model/auth-event.js'
import type { ExtraFields } from '../model/extra-fields.js'
import type { Paint } from './terminal.js'

/** `doveadm auth test` (2.3.19), and below it the way through the passdbs. */
export function formatAuthTest(outcome: AuthOutcome, paint: Paint): string {
  const { user, result, reason } = outcome
  const succeeded = result === 'ok'
  const said = succeeded ? paint.good('auth succeeded') : paint.bad('auth failed')
  return lines([
    `passdb: ${user} ${said}`,
    'extra fields:',
    ...indented(new Map([['user', user], ...failureFields(outcome), ...outcome.fields])),
    ...(succeeded ? [] : [`result: ${result}`]),
    ...(succeeded || reason === undefined ? [] : [`reason: ${reason}`]),
    ...formatTrace(outcome.trace),
  ])
}

/** What a Dovecot tells its client besides "no" (auth-client-interface.h). */
const failureCodes: Readonly<Record<string, string>> = {
  internal_failure: 'temp_fail',
  user_disabled: 'user_disabled',
  pass_expired: 'pass_expired',
}

function failureFields({ result }: AuthOutcome): [string, string][] {
  const code = Object.hasOwn(failureCodes, result) ? failureCodes[result] : undefined
  return code === undefined ? [] : [['code', code]]
}

function indented(fields: ExtraFields): string[] {
  return [...fields].map(([name, value]) => (value === '' ? `  ${name}` : `  ${name}=${value}`))
}

/** One line a passdb: `  proxy (sql): user_unknown, 0.8 ms`. */
export function formatTrace(trace: AuthTrace): string[] {
  if (trace.length === 0) return []
  return [
    'passdbs asked:',
    ...trace.map(({ passdb, driver, result, cache, ms, reason }) => {
      const from = cache === 'none' ? '' : `, cache ${cache}`
      const why = reason === undefined ? '' : `: ${reason}`
      return `  ${passdb} (${driver}): ${result}${why}${from}, ${ms.toFixed(1)} ms`
    }),
  ]
}

/** `doveadm auth lookup` (2.3.19): names and values in two columns. */
export function formatAuthLookup(outcome: AuthOutcome, fields: ExtraFields): string {
  const width = 10
  return lines([
    `passdb: ${outcome.user}`,
    ...[...new Map([['user', outcome.user], ...fields])].map(([name, value]) =>
      value === '' ? `  ${name}` : `  ${name.padEnd(width)}: ${value}`,
    ),
    ...formatTrace(outcome.trace),
  ])
}

/** `doveadm user` (2.3.19): a table with a heading. */
export function formatUser(outcome: UserdbOutcome): string {
  return lines(['field\tvalue', ...[...outcome.fields].map(([name, value]) => `${name}\t${value}`)])
}

/** The outcome as `--json` prints it. */
export function outcomeAsJson(outcome: AuthOutcome | UserdbOutcome, fields = outcome.fields): string {
  const { result, user, reason } = outcome
  const rest = 'trace' in outcome ? { trace: outcome.trace } : {}
  const known = {
    result,
    user,
    ...(reason === undefined ? {} : { reason }),
    fields: Object.fromEntries(fields),
  }
  return `${JSON.stringify({ ...known, ...rest })}\n`
}

function lines(all: readonly string[]): string {
  return all.map(line => `${line}\n`).join('')
}

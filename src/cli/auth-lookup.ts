import type { AuthOutcome } from '../auth/auth-outcome.js'
import type { ExtraFields } from '../model/extra-fields.js'
import { type Call, type Command, CommandError } from './command.js'
import { type ExitCode, exitCode, exitCodeOfResult } from './exit-code.js'
import { formatAuthLookup, outcomeAsJson } from './format-outcome.js'
import { requestOf, requestOptions } from './request-options.js'
import { temporaryFailure, useEngine } from './use-engine.js'

export const authLookup: Command = {
  name: 'auth lookup',
  operands: 'USER',
  operandCount: { minimum: 1, maximum: 1 },
  summary: 'shows what the passdbs say of a user, without a password: where LMTP would deliver, for instance',
  examples: ['homing auth lookup anna@example.org --protocol lmtp'],
  options: {
    ...requestOptions,
    'show-hash': { type: 'boolean', description: 'print the stored password hash, not only its scheme' },
  },
  run: lookUp,
}

async function lookUp(call: Call): Promise<ExitCode> {
  const [user = ''] = call.operands
  const request = requestOf(call, user, {})
  return useEngine(call, async engine => {
    const outcome = await engine.auth.lookupPassdb(request)
    const fields = withPassword(outcome, call.flag('show-hash'))
    if (call.json) {
      await call.terminal.print(outcomeAsJson(outcome, fields))
      return exitCodeOfResult[outcome.result]
    }
    if (outcome.result === 'internal_failure') {
      throw temporaryFailure(`passdb lookup failed for ${outcome.user}`, engine, outcome.reason)
    }
    if (outcome.result === 'user_unknown') {
      throw new CommandError(exitCode.noSuchUser, `passdb lookup: user ${outcome.user} doesn't exist`)
    }
    if (outcome.result !== 'ok') {
      const why = outcome.reason === undefined ? '' : `: ${outcome.reason}`
      const message = `passdb lookup: user ${outcome.user}: ${outcome.result}${why}`
      throw new CommandError(exitCodeOfResult[outcome.result], message)
    }
    await call.terminal.print(formatAuthLookup(outcome, fields))
    return exitCode.ok
  })
}

/** A hash on a screen is a hash in a scrollback: without the flag only its scheme is shown. */
function withPassword({ credentials, fields }: AuthOutcome, showHash: boolean): ExtraFields {
  if (!credentials) return fields
  const { stored } = credentials
  const shown = showHash ? stored : `${/^\{[^}]*\}/.exec(stored)?.[0] ?? ''}<hidden>`
  return new Map([['password', shown], ...fields])
}

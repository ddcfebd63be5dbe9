import type { Call, Command } from './command.js'
import { CommandError } from './command.js'
import { type ExitCode, exitCode, exitCodeOfResult } from './exit-code.js'
import { formatUser, outcomeAsJson } from './format-outcome.js'
import { requestOf, requestOptions } from './request-options.js'
import { OutputError, ReaderGone } from './terminal.js'
import { type OpenedEngine, temporaryFailure, useEngine } from './use-engine.js'
import { visible } from './visible-text.js'

export const user: Command = {
  name: 'user',
  operands: 'USER|MASK',
  operandCount: { minimum: 1, maximum: 1 },
  summary: 'shows what the userdbs say of a user (uid, gid, home …), or lists the users that match a mask',
  details: 'A mask has * for any characters and ? for one. With --json a listing is one JSON text a line.',
  examples: ['homing user anna@example.org', "homing user '*@example.org'"],
  options: {
    ...requestOptions,
    field: { type: 'string', short: 'f', value: 'FIELD', description: 'print only the value of this field' },
  },
  run: showUser,
}

async function showUser(call: Call): Promise<ExitCode> {
  const [name = ''] = call.operands
  return useEngine(call, engine =>
    /[*?]/.test(name) ? listUsers(call, engine, name) : lookUpUser(call, engine, name),
  )
}

async function listUsers(call: Call, { auth }: OpenedEngine, mask: string): Promise<ExitCode> {
  try {
    for await (const name of auth.listUsers(mask)) {
      await call.terminal.printNext(`${call.json ? JSON.stringify(name) : visible(name)}\n`)
    }
    return exitCode.ok
  } catch (cause) {
    if (cause instanceof ReaderGone || cause instanceof OutputError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(exitCode.temporaryFailure, `the list is not complete: ${why}`, { cause })
  }
}

async function lookUpUser(call: Call, engine: OpenedEngine, name: string): Promise<ExitCode> {
  const { terminal, json } = call
  const outcome = await engine.auth.lookupUserdb(requestOf(call, name, {}))
  if (json) {
    await terminal.print(outcomeAsJson(outcome))
    return exitCodeOfResult[outcome.result]
  }
  if (outcome.result === 'internal_failure') {
    throw temporaryFailure(`userdb lookup failed for ${outcome.user}`, engine, outcome.reason)
  }
  if (outcome.result === 'user_unknown') {
    throw new CommandError(exitCode.noSuchUser, `userdb lookup: user ${outcome.user} doesn't exist`)
  }
  const field = call.text('field')
  await terminal.print(field === undefined ? formatUser(outcome) : `${outcome.fields.get(field) ?? ''}\n`)
  return exitCode.ok
}

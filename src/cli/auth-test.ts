import type { Call, Command } from './command.js'
import { type ExitCode, exitCodeOfResult } from './exit-code.js'
import { formatAuthTest, outcomeAsJson } from './format-outcome.js'
import { passwordOptions, readPassword } from './read-password.js'
import { requestOf, requestOptions } from './request-options.js'
import { useEngine } from './use-engine.js'

export const authTest: Command = {
  name: 'auth test',
  operands: 'USER',
  operandCount: { minimum: 1, maximum: 1 },
  summary: 'tries one login and shows the result, the fields and the way through the passdbs',
  details:
    'Asks the databases as the service would; a running service is not involved. Exit codes: 0 ok, 67 no such ' +
    'user, 77 wrong password or disabled, 75 when a database did not answer.',
  examples: [
    'homing auth test anna@example.org --protocol imap --remote-ip 198.51.100.7',
    'homing auth test anna@example.org --json < password-file',
  ],
  options: { ...passwordOptions, ...requestOptions },
  run: testLogin,
}

async function testLogin(call: Call): Promise<ExitCode> {
  const [user = ''] = call.operands
  const request = requestOf(call, user, { mechanism: 'PLAIN' })
  const password = await readPassword(call, { isNew: false })
  return useEngine(call, async engine => {
    // As `serve` does before it is ready: how long a thread takes to start is not part of the hash.
    await engine.verifier.warmUp()
    const outcome = await engine.auth.authenticate(request, password)
    const { terminal, json } = call
    await terminal.print(json ? outcomeAsJson(outcome) : formatAuthTest(outcome, terminal.paint))
    const cause = engine.lastCause()
    if (cause !== undefined && !json) terminal.complain(`homing auth test: user ${outcome.user}: ${cause}`)
    return exitCodeOfResult[outcome.result]
  })
}

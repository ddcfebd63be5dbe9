import { type Call, type Command, UsageError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { DEFAULT_SCHEME, hashPassword } from './hash-password.js'
import { passwordOptions, readPassword } from './read-password.js'

export const pw: Command = {
  name: 'pw',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'makes a stored password, or tries one, like doveadm pw',
  examples: ['homing pw -s SHA512-CRYPT', "homing pw -t '{SHA512-CRYPT}$6$…'"],
  options: {
    ...passwordOptions,
    scheme: { type: 'string', short: 's', value: 'SCHEME', description: `default: ${DEFAULT_SCHEME}` },
    rounds: { type: 'string', short: 'r', value: 'N', description: 'how much work a login costs' },
    user: {
      type: 'string',
      short: 'u',
      value: 'USER',
      description: 'the login name, which DIGEST-MD5 hashes too',
    },
    test: {
      type: 'string',
      short: 't',
      value: 'HASH',
      description: 'say whether the password is the one of this hash',
    },
    list: { type: 'boolean', short: 'l', description: 'list the schemes' },
  },
  run: call =>
    call.flag('list') ? listSchemes(call) : call.text('test') === undefined ? make(call) : tryHash(call),
}

async function listSchemes({ terminal, json }: Call): Promise<ExitCode> {
  const { schemes } = await import('../password/schemes.js')
  const names = Object.keys(schemes)
  await terminal.print(json ? `${JSON.stringify(names)}\n` : `${names.join(' ')}\n`)
  return exitCode.ok
}

async function make(call: Call): Promise<ExitCode> {
  const scheme = call.text('scheme') ?? DEFAULT_SCHEME
  const rounds = readRounds(call.text('rounds'))
  const user = call.text('user')
  const password = await readPassword(call, { isNew: true })
  const hash = await hashPassword(scheme, password, {
    ...(rounds === undefined ? {} : { rounds }),
    ...(user === undefined ? {} : { user }),
  })
  await call.terminal.print(call.json ? `${JSON.stringify({ hash })}\n` : `${hash}\n`)
  return exitCode.ok
}

function readRounds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[0-9]{1,9}$/.test(text)) throw new UsageError('--rounds takes a whole number')
  return Number(text)
}

const PATIENCE_MS = 60_000

const exitCodes = {
  mismatch: exitCode.refused,
  unavailable: exitCode.temporaryFailure,
  malformed: exitCode.badData,
  scheme_not_available: exitCode.badData,
}

async function tryHash(call: Call): Promise<ExitCode> {
  const hash = call.text('test') ?? ''
  const password = await readPassword(call, { isNew: false })
  const { createPasswordVerifier } = await import('../password/create-password-verifier.js')
  // Whoever asks about one hash wants to know; `doveadm pw -t` compares weak schemes too (2.4.1).
  const verifier = createPasswordVerifier({
    auth_allow_weak_schemes: true,
    auth_hash_timeout: PATIENCE_MS,
    auth_hash_time_limit: PATIENCE_MS,
  })
  try {
    const verdict = await verifier.verify(hash, password, { user: call.text('user') ?? '' })
    if (call.json) await call.terminal.print(`${JSON.stringify(verdict)}\n`)
    else await call.terminal.print(verdict.verdict === 'match' ? `${hash} (verified)\n` : '')
    if (verdict.verdict === 'match') return exitCode.ok
    const reason = 'reason' in verdict ? verdict.reason : 'the password is not the one of this hash'
    if (!call.json) call.terminal.complain(`homing: ${reason}`)
    return exitCodes[verdict.verdict]
  } finally {
    await verifier.close()
  }
}

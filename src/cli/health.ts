// Whether the service that this configuration describes answers: for HEALTHCHECK, monit and scripts.

import { readFileSync } from 'node:fs'
import { type RequestOptions, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { type ListenAddress, parseListenAddress } from '../config/listen-address.js'
import type { HomingConfig } from '../config/program-schema.js'
import { tlsOfDoor } from '../protocols/http/tls-settings.js'
import { type Call, type Command, CommandError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { openConfig } from './open-config.js'

/** From the beginning to the last byte of the answer. */
const DEADLINE_MS = 2000

/** /readyz says less than this. */
const LONGEST_ANSWER_BYTES = 1024

const NOT_OURS = 'that is no answer of Homing'

export const health: Command = {
  name: 'health',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'asks the running service whether it should get logins; exit code 0: it should',
  details:
    'Asks /readyz at the first address of `listen`, for two seconds at most. `degraded` (a database does not answer) is 0, too: such a copy lets in whom it knows, and a restart would not help. 69: it is stopping, or does not answer.',
  examples: ['homing health', 'homing health --config /etc/homing/homing.toml --json'],
  options: {},
  run: askHealth,
}

async function askHealth(call: Call): Promise<ExitCode> {
  const { settings } = openConfig(call)
  const first = settings.listen[0] ?? ''
  const { status, code } = await ask(settings, first).catch(cause => {
    throw new CommandError(
      exitCode.unavailable,
      `${first} does not answer: ${reasonOf(cause)}${hintFor(settings)}`,
      {
        cause,
      },
    )
  })
  await call.terminal.print(call.json ? `${JSON.stringify({ address: first, status })}\n` : `${status}\n`)
  return code === 200 ? exitCode.ok : exitCode.unavailable
}

interface Answer {
  readonly code: number | undefined
  readonly status: string
}

function ask(settings: HomingConfig['settings'], first: string): Promise<Answer> {
  const parsed = parseListenAddress(first)
  if ('wrong' in parsed) return Promise.reject(new Error(parsed.wrong))
  const { address } = parsed
  const tls = address.kind === 'tcp' ? ownTls(settings) : undefined
  const options: RequestOptions = {
    ...destinationOf(address),
    path: '/readyz',
    agent: false,
    signal: AbortSignal.timeout(DEADLINE_MS),
  }
  return new Promise((resolve, reject) => {
    const asked = tls ? requestTls({ ...options, ...tls }) : request(options)
    asked.on('error', reject)
    asked.on('response', response => {
      let text = ''
      response.setEncoding('utf8').on('error', reject)
      response.on('data', part => {
        text += part
        if (text.length > LONGEST_ANSWER_BYTES) asked.destroy(new Error(NOT_OURS))
      })
      response.on('end', () => {
        const status = statusIn(text)
        if (status === undefined) reject(new Error(NOT_OURS))
        else resolve({ code: response.statusCode, status })
      })
    })
    asked.end()
  })
}

/** Who listens everywhere is asked on this machine. */
function destinationOf(address: ListenAddress): RequestOptions {
  if (address.kind === 'unix') return { socketPath: address.path }
  const host = address.host === '0.0.0.0' ? '127.0.0.1' : address.host === '::' ? '::1' : address.host
  return { host, port: address.port }
}

/**
 * The service's own certificate, shown in case it asks its callers for one. Its is not verified: it seldom names
 * 127.0.0.1, and nothing secret is sent.
 */
function ownTls(settings: HomingConfig['settings']) {
  const { isOn, cert, key, keyPassword, verifyClient } = tlsOfDoor(settings, 'listen')
  if (!isOn) return undefined
  const shown = verifyClient && {
    cert: readFileSync(cert.path),
    key: readFileSync(key.path),
    passphrase: keyPassword,
  }
  return { rejectUnauthorized: false, ...shown }
}

/** Undefined: somebody else listens there. */
function statusIn(text: string): string | undefined {
  try {
    const { status } = JSON.parse(text) as { status?: unknown }
    return typeof status === 'string' ? status : undefined
  } catch {
    return undefined
  }
}

function reasonOf(cause: Error): string {
  return cause.name === 'AbortError' || cause.name === 'TimeoutError'
    ? `nothing within ${DEADLINE_MS} ms`
    : cause.message
}

function hintFor({ ssl_verify_client_cert }: HomingConfig['settings']): string {
  return ssl_verify_client_cert
    ? '; if it does not take its own certificate for a caller, let a unix socket come first in listen'
    : ''
}

// The circumstances of a login, as doveadm's `-x key=value` gives them.

import { isIP } from 'node:net'
import type { IncomingRequest } from '../auth/auth.js'
import { type Call, type CommandOptions, UsageError } from './command.js'

export const requestOptions: CommandOptions = {
  protocol: {
    type: 'string',
    value: 'P',
    description: 'imap, pop3, lmtp, submission, sieve … (default: doveadm)',
  },
  'remote-ip': { type: 'string', value: 'IP', description: "the client's address" },
  'local-ip': { type: 'string', value: 'IP', description: 'the address that the client connected to' },
  'real-remote-ip': { type: 'string', value: 'IP', description: 'the address of the proxy before us' },
  'local-name': {
    type: 'string',
    value: 'NAME',
    description: 'the TLS server name that the client asked for',
  },
  mechanism: { type: 'string', value: 'M', description: 'SASL mechanism (default: PLAIN)' },
  secured: { type: 'string', value: 'HOW', description: 'none, secured or tls (default: none)' },
  session: { type: 'string', value: 'ID', description: 'session id' },
  'client-id': { type: 'string', value: 'ID', description: "the client's own description of itself" },
}

const securities = ['none', 'secured', 'tls'] as const

/** The request that the options describe. Without `--protocol` it is doveadm's, as with doveadm itself. */
export function requestOf(call: Call, user: string, defaults: { mechanism?: string }): IncomingRequest {
  const secured = call.text('secured') ?? 'none'
  if (!isSecurity(secured)) throw new UsageError(`--secured is one of ${securities.join(', ')}`)
  const mechanism = call.text('mechanism')?.toUpperCase() ?? defaults.mechanism
  const options = {
    mechanism,
    remoteIp: address(call, 'remote-ip'),
    localIp: address(call, 'local-ip'),
    realRemoteIp: address(call, 'real-remote-ip') ?? address(call, 'remote-ip'),
    localName: call.text('local-name'),
    sessionId: call.text('session'),
    clientId: call.text('client-id'),
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  return { user, protocol: call.text('protocol')?.toLowerCase() ?? 'doveadm', secured, ...given }
}

function isSecurity(word: string): word is (typeof securities)[number] {
  return (securities as readonly string[]).includes(word)
}

function address(call: Call, option: string): string | undefined {
  const text = call.text(option)
  if (text === undefined || isIP(text) !== 0) return text
  throw new UsageError(`--${option} takes an IP address, and "${text}" is none`)
}

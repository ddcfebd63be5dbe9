// An HTTP listener on a free loopback port, before an engine whose accounts the test gives.

import { connect } from 'node:net'
import type { ChainedPassdb } from '../../../src/auth/chained-passdb.js'
import { type AuthOptions, createAuth } from '../../../src/auth/create-auth.js'
import { createChain } from '../../../src/auth/passdb-chain.js'
import { readSettings } from '../../../src/config/read-settings.js'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import { systemClock } from '../../../src/model/clock.js'
import type { PassdbLookup } from '../../../src/model/passdb.js'
import { createUsernameRules } from '../../../src/model/username.js'
import { createHttpServer } from '../../../src/protocols/http/http-server.js'
import { type HttpSettings, httpSettings } from '../../../src/protocols/http/http-settings.js'
import { lastPassdb } from '../../unit/auth/ordinary-passdb.js'
import { noCaches } from '../../unit/cache/no-caches.js'

export interface Listener {
  readonly url: string
  readonly port: number
  readonly events: AuthEvent[]
  readonly bugs: unknown[]
  close(): Promise<void>
}

const defaultCharacters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@'

export const settings: HttpSettings = {
  ...readSettings(httpSettings, new Map(), { prefix: '' }).values,
  listen: [],
}

/** Opens a listener; `lookup` is the passdb, `users` the listing. Passwords are stored as `{PLAIN}…`. */
export async function openListener(
  lookup: (user: string) => PassdbLookup | Promise<PassdbLookup>,
  options: {
    settings?: Partial<HttpSettings>
    usernameChars?: string
    users?: () => AsyncIterable<string>
  } = {},
): Promise<Listener> {
  const events: AuthEvent[] = []
  const bugs: unknown[] = []
  const auth = createAuth({
    chain: createChain([link(lookup)]),
    userdbs: [],
    usernameRules: createUsernameRules({
      auth_username_format: '%Lu',
      auth_default_realm: '',
      auth_username_chars: options.usernameChars ?? defaultCharacters,
      auth_username_translation: '',
    }),
    masterUserSeparator: '',
    verifier: plainVerifier,
    clock: systemClock,
    report: event => events.push(event),
  })
  const app = createHttpServer(
    {
      auth: options.users ? { ...auth, listUsers: options.users } : auth,
      caches: noCaches,
      readiness: async () => 'ready',
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      reportBug: (_where, error) => bugs.push(error),
    },
    { ...settings, ...options.settings },
    'tcp',
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, port, events, bugs, close: () => app.close() }
}

/** Sends bytes as they are and gives back all that came until the connection ended or fell silent. */
export function sendRaw(port: number, bytes: Buffer | string, silenceMs = 300): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1')
    socket.setTimeout(silenceMs, () => socket.destroy())
    socket.on('data', text => {
      received += text
    })
    socket.on('close', () => resolve(received))
    socket.on('error', error =>
      'code' in error && error.code === 'ECONNRESET' ? resolve(received) : reject(error),
    )
  })
}

function link(lookup: (user: string) => PassdbLookup | Promise<PassdbLookup>): ChainedPassdb {
  return {
    name: 'test',
    passdb: { driver: 'test', lookup: async request => lookup(request.user) },
    ...lastPassdb,
  }
}

const plainVerifier: AuthOptions['verifier'] = {
  verify: async (stored, password) => ({
    verdict: Buffer.from(stored.slice('{PLAIN}'.length), 'latin1').equals(password.reveal())
      ? 'match'
      : 'mismatch',
  }),
  verifyNothing: async () => ({ verdict: 'mismatch' }),
}

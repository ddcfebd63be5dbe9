// A service whose cache is full of proxied users and whose database is a loop in memory; prints its port when it is ready.
// Its argument is the number of users. What an entry costs a request is then all the difference between two of these.

import { openSync } from 'node:fs'
import { createAuth } from '../../src/auth/create-auth.js'
import { createChain } from '../../src/auth/passdb-chain.js'
import { readSettings } from '../../src/config/read-settings.js'
import { systemClock } from '../../src/model/clock.js'
import { createUsernameRules, usernameSettings } from '../../src/model/username.js'
import { createHttpServer } from '../../src/protocols/http/http-server.js'
import { httpSettings } from '../../src/protocols/http/http-settings.js'
import { openLogger } from '../../src/telemetry/logger.js'
import { createMetrics } from '../../src/telemetry/metrics.js'
import { createAuthReport } from '../../src/telemetry/report-auth.js'
import { ordinaryPassdb } from '../unit/auth/ordinary-passdb.js'
import { noCaches } from '../unit/cache/no-caches.js'
import { nameOfProxied, openBigCache, proxiedPassdb } from './proxied-users.js'

const users = Number(process.argv[2])
const cache = openBigCache()

const metrics = createMetrics()
const logger = openLogger(
  { log_level: 'info', log_format: 'json', log_timestamp: true },
  openSync('/dev/null', 'w'),
)
const defaults = <S>(schema: S) => readSettings(schema as never, new Map(), { prefix: '' }).values as never
let isFilled = false
const report = createAuthReport(logger, metrics)
const auth = createAuth({
  chain: createChain([
    {
      name: 'proxy',
      passdb: proxiedPassdb,
      ...ordinaryPassdb,
      foundIsFinal: true,
      defaultPasswordScheme: 'CRYPT',
    },
  ]),
  userdbs: [],
  usernameRules: createUsernameRules(defaults(usernameSettings)),
  masterUserSeparator: '',
  verifier: {
    verify: async () => ({ verdict: 'mismatch' }),
    verifyNothing: async () => ({ verdict: 'mismatch' }),
  },
  clock: systemClock,
  cache,
  report: event => {
    if (isFilled) report(event)
  },
})

for (let index = 0; index < users; index++) {
  await auth.lookupPassdb({ user: nameOfProxied(index), protocol: 'imap', secured: 'tls' })
}
isFilled = true
globalThis.gc?.()

const services = {
  auth,
  caches: noCaches,
  readiness: async () => 'ready' as const,
  metrics: () => metrics.text(),
  reportBug: (_where: string, error: unknown) => console.error(error),
}
const app = createHttpServer(services as never, defaults(httpSettings), 'tcp')
await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })
const address = app.server.address()
console.log(typeof address === 'object' && address ? address.port : 0)
process.on('SIGTERM', () => process.exit(0))

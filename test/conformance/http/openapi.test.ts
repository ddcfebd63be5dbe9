// openapi.yaml and the schemas that the routes validate with say the same.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import {
  accountBodySchema,
  accountReplySchema,
  accountsQuerySchema,
  deletedReplySchema,
} from '../../../src/protocols/http/admin-account-routes.js'
import {
  lastLoginsSchema,
  reportQuerySchema,
  reportSchema,
} from '../../../src/protocols/http/admin-attempt-routes.js'
import {
  cacheStatusSchema,
  flushReplySchema,
  flushRequestSchema,
} from '../../../src/protocols/http/admin-cache-routes.js'
import {
  listEntrySchema,
  listPageSchema,
  listSubjectSchema,
  newListEntrySchema,
  pageQuerySchema,
  removedListEntrySchema,
} from '../../../src/protocols/http/admin-list-routes.js'
import { grantErrorSchema, grantReplySchema } from '../../../src/protocols/http/oauth2-reply.js'
import {
  errorReplySchema,
  lookupRequestSchema,
  passdbReplySchema,
  userdbReplySchema,
  verifyRequestSchema,
} from '../../../src/protocols/http/passdb-schemas.js'
import { listQuerySchema } from '../../../src/protocols/http/userdb-list-route.js'
import { healthSchema } from '../../../src/telemetry/service-health.js'
import { openListener } from './listener.js'

const contract = parse(readFileSync('openapi.yaml', 'utf8'), { merge: true })

const pairs = {
  LookupRequest: lookupRequestSchema,
  VerifyRequest: verifyRequestSchema,
  PassdbReply: passdbReplySchema,
  UserdbReply: userdbReplySchema,
  Error: errorReplySchema,
  GrantReply: grantReplySchema,
  GrantError: grantErrorSchema,
  AccountBody: accountBodySchema,
  Account: accountReplySchema,
  Deleted: deletedReplySchema,
  NewListEntry: newListEntrySchema,
  ListEntry: listEntrySchema,
  ListPage: listPageSchema,
  RemovedListEntry: removedListEntrySchema,
  AttemptReport: reportSchema,
  LastLogins: lastLoginsSchema,
  Health: healthSchema,
  CacheFlushRequest: flushRequestSchema,
  CacheFlushed: flushReplySchema,
  CacheStatus: cacheStatusSchema,
}

for (const [name, schema] of Object.entries(pairs)) {
  t.test(`${name} is the same in openapi.yaml and in the routes`, async t => {
    t.same(bare(contract.components.schemas[name]), bare(schema))
  })
}

t.test('the mask of a listing is the same in openapi.yaml and in the route', async t => {
  const [mask] = contract.paths['/v1/userdb/users'].get.parameters
  t.same(mask.schema, bare(listQuerySchema.properties.mask))
})

const queries = {
  'GET /v1/admin/proxy-users': accountsQuerySchema,
  'GET /v1/admin/lists/block': pageQuerySchema,
  'GET /v1/admin/lists/allow': pageQuerySchema,
  'GET /v1/admin/attempts/failures': reportQuerySchema,
  'GET /v1/admin/attempts/masters': reportQuerySchema,
  'DELETE /v1/admin/lists/block': listSubjectSchema,
}

for (const [call, schema] of Object.entries(queries)) {
  t.test(`the query of ${call} is the same in openapi.yaml and in the route`, async t => {
    const [method = '', path = ''] = call.toLowerCase().split(' ')
    const parameters: { name: string; in: string; schema: object }[] = contract.paths[path][method].parameters
    const inQuery = parameters.filter(parameter => parameter.in === 'query')
    t.same(
      sorted(Object.fromEntries(inQuery.map(({ name, schema }) => [name, bare(schema)]))),
      bare(schema.properties),
    )
  })
}

/** What a caller may get wrong → the status of it, and who is asked so. */
const mistakes: Readonly<
  Record<string, readonly [status: number, isAsked: (operation: Operation) => boolean]>
> = {
  'a body that cannot be read': [400, ({ requestBody }) => requestBody !== undefined],
  'a body that is too large': [413, ({ requestBody }) => requestBody !== undefined],
  'a body of another type': [415, ({ requestBody }) => requestBody !== undefined],
  'a query that cannot be': [
    400,
    ({ parameters }) => parameters?.some(({ in: at }) => at === 'query') === true,
  ],
  'no secret': [401, ({ security }) => security?.length !== 0],
  'a caller from elsewhere': [
    403,
    ({ path }) => /^\/(?:oauth2|command|v1\/(?:passdb|userdb\/lookup))/.test(path),
  ],
  'a token that may only read': [
    403,
    ({ path, method }) => path.startsWith('/v1/admin/') && method !== 'get',
  ],
}

interface Operation {
  readonly path: string
  readonly method: string
  readonly operationId: string
  readonly requestBody?: object
  readonly parameters?: readonly { in: string }[]
  readonly security?: readonly object[]
  readonly responses: Readonly<Record<string, object>>
}

const operations = Object.entries<Record<string, Operation>>(contract.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => method !== 'parameters' && method !== 'servers')
    .map(([method, operation]) => ({ ...operation, path, method })),
)

t.test('every operation names the statuses of the mistakes that can be made with it', async t => {
  for (const operation of operations) {
    for (const [mistake, [status, isAsked]] of Object.entries(mistakes)) {
      if (!isAsked(operation)) continue
      t.ok(Object.hasOwn(operation.responses, status), `${operation.operationId}: ${mistake}, ${status}`)
    }
  }
})

t.test('a caller from elsewhere is answered as openapi.yaml says', async t => {
  const listener = await openListener(() => ({ result: 'user_unknown' }), {
    settings: { trusted_networks: ['192.0.2.0/24'] },
  })
  t.teardown(listener.close)
  const body = new URLSearchParams({ grant_type: 'password', username: 'a', password: 'b', token: 'c' })
  for (const path of ['/oauth2/token', '/oauth2/introspect']) {
    const { status } = await fetch(listener.url + path, { method: 'POST', body })
    t.equal(status, 403)
    t.ok(Object.hasOwn(contract.paths[path].post.responses, status), path)
  }
})

/** The schema as plain data, without what only a reader needs. */
function bare(schema: unknown): unknown {
  const plain = JSON.parse(JSON.stringify(schema))
  delete plain.description
  for (const property of Object.values<{ description?: string }>(plain.properties ?? {})) {
    delete property.description
  }
  return sorted(plain)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.every(item => typeof item === 'string') ? [...value].sort() : value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}

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

// What the passdb and userdb routes take and give, as JSON schemas. openapi.yaml says the same (a test compares them).

import { finalResults } from '../../model/passdb-result.js'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const port = { type: 'integer', minimum: 0, maximum: 65535 } as const

const lookupProperties = {
  user: text,
  protocol: text,
  mechanism: text,
  secured: text,
  remote_ip: text,
  local_ip: text,
  local_port: port,
  real_local_ip: text,
  real_remote_ip: text,
  session: text,
  client_id: text,
  local_name: text,
  master_user: text,
  skip_password_check: flag,
} as const

/** The request of the contract. Keys that are not named here are ignored. */
export const lookupRequestSchema = {
  type: 'object',
  required: ['user'],
  properties: lookupProperties,
} as const

/** The same with the password that is to be verified. */
export const verifyRequestSchema = {
  type: 'object',
  required: ['user', 'password'],
  properties: { ...lookupProperties, password: text, policy_checked: flag },
} as const

/** A body that the schema lets through. */
type BodyOf<
  S extends { required: readonly string[]; properties: Readonly<Record<string, { type: string }>> },
> = {
  readonly [K in Extract<keyof S['properties'], S['required'][number]>]: ValueOf<S['properties'][K]>
} & {
  readonly [K in Exclude<keyof S['properties'], S['required'][number]>]?: ValueOf<S['properties'][K]>
}
type ValueOf<P> = P extends { type: 'boolean' } ? boolean : P extends { type: 'integer' } ? number : string

export type LookupRequestBody = BodyOf<typeof lookupRequestSchema>
export type VerifyRequestBody = BodyOf<typeof verifyRequestSchema>

type Body = Readonly<Record<string, unknown>>
type RequestSchema = typeof lookupRequestSchema | typeof verifyRequestSchema

/**
 * Whether a schema lets a body through: for those who ask without Fastify. It never says yes where the schema says no.
 */
export const isLookupRequest = bodyCheck(lookupRequestSchema) as (body: Body) => body is LookupRequestBody
export const isVerifyRequest = bodyCheck(verifyRequestSchema) as (body: Body) => body is VerifyRequestBody

function bodyCheck({ properties, required }: RequestSchema): (body: Body) => boolean {
  const types = new Map<string, ValueType>(Object.entries(properties))
  return body => {
    for (const name in body) {
      const wanted = types.get(name)
      if (wanted !== undefined && !isOfType(body[name], wanted)) return false
    }
    return required.every(name => Object.hasOwn(body, name))
  }
}

type ValueType = (typeof verifyRequestSchema.properties)[keyof typeof verifyRequestSchema.properties]

function isOfType(value: unknown, wanted: ValueType): boolean {
  if (wanted.type !== 'integer') return typeof value === wanted.type
  return Number.isInteger(value) && Number(value) >= wanted.minimum && Number(value) <= wanted.maximum
}

const fields = { type: 'object', additionalProperties: text } as const

/** A verdict: 200, or 503 for `internal_failure`. */
export const passdbReplySchema = {
  type: 'object',
  required: ['result', 'user', 'fields'],
  properties: {
    result: {
      type: 'string',
      enum: finalResults,
    },
    user: text,
    reason: text,
    fields,
  },
} as const

/** What the userdb says: 200, or 503 for `internal_failure`. */
export const userdbReplySchema = {
  type: 'object',
  required: ['result', 'user', 'fields'],
  properties: {
    result: { type: 'string', enum: ['ok', 'user_unknown', 'internal_failure'] },
    user: text,
    reason: text,
    fields,
  },
} as const

/** Why a request was not understood or not allowed; never repeats what was sent. */
export const errorReplySchema = {
  type: 'object',
  required: ['error', 'message'],
  properties: { error: text, message: text },
} as const

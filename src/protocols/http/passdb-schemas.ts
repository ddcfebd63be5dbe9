// What the passdb and userdb routes take and give, as JSON schemas. openapi.yaml says the same (a test compares them).

import { type Static, Type } from 'typebox'

const optionalText = Type.Optional(Type.String())

/** The request of contract.md. Keys that are not named here are ignored. */
export const lookupRequestSchema = Type.Object({
  user: Type.String(),
  protocol: optionalText,
  mechanism: optionalText,
  secured: optionalText,
  remote_ip: optionalText,
  local_ip: optionalText,
  real_remote_ip: optionalText,
  session: optionalText,
  client_id: optionalText,
  local_name: optionalText,
  master_user: optionalText,
  skip_password_check: Type.Optional(Type.Boolean()),
})

/** The same with the password that is to be verified. */
export const verifyRequestSchema = Type.Object({
  ...lookupRequestSchema.properties,
  password: Type.String(),
})

export type LookupRequestBody = Static<typeof lookupRequestSchema>
export type VerifyRequestBody = Static<typeof verifyRequestSchema>

const word = <const W extends string>(words: readonly W[]) => Type.Unsafe<W>({ type: 'string', enum: words })
const fields = Type.Unsafe<Record<string, string>>({
  type: 'object',
  additionalProperties: { type: 'string' },
})

/** A verdict: 200, or 503 for `internal_failure`. */
export const passdbReplySchema = Type.Object({
  result: word([
    'ok',
    'password_mismatch',
    'user_unknown',
    'user_disabled',
    'pass_expired',
    'scheme_not_available',
    'internal_failure',
  ]),
  user: Type.String(),
  reason: optionalText,
  fields,
})

/** What the userdb says: 200, or 503 for `internal_failure`. */
export const userdbReplySchema = Type.Object({
  result: word(['ok', 'user_unknown', 'internal_failure']),
  user: Type.String(),
  reason: optionalText,
  fields,
})

/** Why a request was not understood or not allowed; never repeats what was sent. */
export const errorReplySchema = Type.Object({ error: Type.String(), message: Type.String() })

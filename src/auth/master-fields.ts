// What a proxy needs to log in at the backend for a master user.

import { type ExtraFields, withField, withoutFields } from '../model/extra-fields.js'

/**
 * The fields of a master's login as `user`, with `master` beside a route. What the row of the user names wins: its
 * `master` and `pass` are the backend's. Its `pass` alone is the user's own there, so that nobody must be master there.
 * Otherwise the master logs in at the backend as here, by the password that was given: Dovecot adds that one, and would
 * add `master` too (auth-request-handler.c:auth_request_append_password, 2.3.19) if it knew of the master.
 */
export function withMaster(fields: ExtraFields, master: string, user: string): ExtraFields {
  const isProxied = fields.has('proxy') || fields.has('proxy_maybe')
  if (!isProxied || (fields.get('master') ?? '') !== '') return fields
  const name = (fields.get('pass') ?? '') === '' ? master : (fields.get('destuser') ?? user)
  return withField(withoutFields(fields, ['master']), 'master', name)
}

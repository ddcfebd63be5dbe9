// uid, gid and home from a passwd-file, and its `userdb_` extra fields without their prefix.

import { openPasswdFile } from '../database/passwd-file.js'
import type { AuthRequest } from '../model/auth-request.js'
import { ConfigError } from '../model/config-error.js'
import type { PasswdAccount } from '../model/passwd-file.js'
import { findPathHarm } from '../model/safe-path.js'
import { settings, text } from '../model/setting.js'
import type { Userdb, UserdbLookup } from '../model/userdb.js'
import { compileTemplate, requestVariables, templateFault } from '../model/variables.js'
import type { UserdbDriver } from './userdb-driver.js'

const options = settings({
  path: text('The file: user:password:uid:gid:gecos:home:shell:extra fields, one user a line.'),
  username_format: text(
    'What is looked up in the file: %u the whole name, %n only what stands before the @.',
    '%u',
    { check: value => templateFault(value, requestVariables) },
  ),
})

export const passwdFile: UserdbDriver<typeof options> = {
  options,
  async open(given, { name, usernameRules, warn }) {
    if (/%[A-Za-z{]/.test(given.path)) {
      throw new ConfigError(`userdb ${name}: path: "${given.path}" must be one file, without variables`)
    }
    const key = compileTemplate(given.username_format, `userdb ${name}: username_format`)
    const file = await openPasswdFile({ path: given.path, normalise: usernameRules.normaliseStored, warn })

    const userdb: Userdb = {
      driver: 'passwd-file',
      async lookup(request, signal) {
        const found = await file.find(key.expand(request), signal)
        if (found.found === 'one') return readAccount(found.account, request)
        if (found.found === 'none') return { result: 'user_unknown' }
        return { result: 'internal_failure', reason: found.reason, cause: found.cause }
      },
      list: mask => file.list(mask, ({ userdb }) => userdb !== undefined),
    }
    return userdb
  },
}

const USERDB_PREFIX = 'userdb_'

/** A line that ends with the password is a passdb's only, and nobody here (auth/db-passwd-file.c, 2.3.19). */
function readAccount({ userdb, extraFields, line }: PasswdAccount, request: AuthRequest): UserdbLookup {
  if (userdb === undefined) return { result: 'user_unknown' }
  const fields = new Map(Object.entries(userdb))
  for (const [name, value] of extraFields) {
    if (!name.startsWith(USERDB_PREFIX)) continue
    const harm = findPathHarm(value, request)
    if (harm) return { result: 'internal_failure', reason: `passwd-file, line ${line}: ${name} ${harm}` }
    fields.set(name.slice(USERDB_PREFIX.length), value.expand(request))
  }
  return { result: 'ok', fields }
}

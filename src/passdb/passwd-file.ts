// Accounts in a file: a few local users, or the administrators who must get in while the database is down.

import { openPasswdFile } from '../database/passwd-file.js'
import type { AuthRequest } from '../model/auth-request.js'
import { ConfigError } from '../model/config-error.js'
import { withoutUntrueFlags } from '../model/field-firewall.js'
import type { Passdb, PassdbLookup } from '../model/passdb.js'
import type { PasswdAccount } from '../model/passwd-file.js'
import { findPathHarm } from '../model/safe-path.js'
import { settings, text } from '../model/setting.js'
import { compileTemplate, requestVariables, templateFault } from '../model/variables.js'
import type { PassdbDriver } from './passdb-driver.js'

const options = settings({
  path: text('The file: user:password:uid:gid:gecos:home:shell:extra fields, one user a line.'),
  username_format: text(
    'What is looked up in the file: %u the whole name, %n only what stands before the @.',
    '%u',
    { check: value => templateFault(value, requestVariables) },
  ),
  scheme: text('The scheme of passwords without {SCHEME} in this file. Empty: default_password_scheme.', ''),
})

export const passwdFile: PassdbDriver<typeof options> = {
  options,
  async open(given, { name, usernameRules, warn }) {
    if (/%[A-Za-z{]/.test(given.path)) {
      throw new ConfigError(`passdb ${name}: path: "${given.path}" must be one file, without variables`)
    }
    const key = compileTemplate(given.username_format, `passdb ${name}: username_format`)
    const normalise = usernameRules.normaliseStored
    const file = await openPasswdFile({ path: given.path, normalise, warn })

    const passdb: Passdb = {
      driver: 'passwd-file',
      async lookup(request, signal) {
        const found = await file.find(key.expand(request), signal)
        if (found.found === 'none') return { result: 'user_unknown' }
        if (found.found === 'one') return readAccount(found.account, request, given.scheme)
        return { result: 'internal_failure', reason: found.reason, cause: found.cause }
      },
    }
    return passdb
  },
}

function readAccount(account: PasswdAccount, request: AuthRequest, scheme: string): PassdbLookup {
  const { extraFields, line, password } = account
  for (const [key, value] of extraFields) {
    const harm = key.startsWith('userdb_') ? findPathHarm(value, request) : undefined
    if (harm) return { result: 'internal_failure', reason: `passwd-file, line ${line}: ${key} ${harm}` }
  }
  const fields = withoutUntrueFlags(new Map(extraFields.map(([key, value]) => [key, value.expand(request)])))
  if (password === undefined) return { result: 'ok', fields }
  return { result: 'ok', credentials: { stored: withScheme(password, scheme) }, fields }
}

/** `{SCHEME}` and `$1$…` name their scheme themselves (lib-auth/password-scheme.c:password_get_scheme, 2.3.19). */
function withScheme(password: string, scheme: string): string {
  if (scheme === '' || /^\{[^}]*\}/.test(password) || /^\$1\$.*\$/.test(password)) return password
  return `{${scheme}}${password}`
}

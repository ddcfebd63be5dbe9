// Users whose mail lies on another server.

import { checkFields } from '../model/field-firewall.js'
import { proxyFields } from '../routing/proxy-fields.js'
import { type AccountValues, proxyUserColumns } from './account-columns.js'
import { accountCommands } from './account-commands.js'

const protocols = ['imap', 'pop3', 'lmtp', 'submission', 'sieve']

/** What a login would stumble over is refused now, when somebody is there to correct it. */
function whatIsWrong(account: AccountValues): string | undefined {
  for (const protocol of protocols) {
    const made = proxyFields(account, protocol, { anyCertificate: false, noPipelining: false })
    if ('problem' in made) return `--${made.role.replaceAll('_', '-')} ${made.problem}`
    const checked = checkFields(made.fields)
    if ('stopped' in checked) return checked.stopped
  }
  return undefined
}

export const proxyUserCommands = accountCommands({
  command: 'proxy-user',
  table: 'proxy_users',
  columns: proxyUserColumns,
  required: ['host'],
  passwordIsOptional: true,
  check: whatIsWrong,
  examples: {
    add: 'homing proxy-user add anna@example.org --host backend1.example.org --ssl-mode starttls',
    set: 'homing proxy-user set anna@example.org --host backend2.example.org --port ""',
    show: 'homing proxy-user show anna@example.org',
    list: "homing proxy-user list '*@example.org'",
    delete: 'homing proxy-user delete anna@example.org',
    import: 'homing proxy-user import users.csv --dry-run',
  },
})

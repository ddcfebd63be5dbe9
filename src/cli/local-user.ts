// Users whose mail lies on the server that asks.

import { checkFields } from '../model/field-firewall.js'
import { type AccountValues, localUserColumns } from './account-columns.js'
import { accountCommands } from './account-commands.js'

/** What a userdb lookup would stumble over is refused now, when somebody is there to correct it. */
function whatIsWrong(account: AccountValues): string | undefined {
  const fields = ['home', 'uid', 'gid'].flatMap(column => {
    const value = account[column] ?? null
    return value === null ? [] : [[column, String(value)] as const]
  })
  const checked = checkFields(new Map(fields))
  return 'stopped' in checked ? checked.stopped : undefined
}

export const localUserCommands = accountCommands({
  command: 'local-user',
  table: 'local_users',
  columns: localUserColumns,
  required: [],
  passwordIsOptional: false,
  check: whatIsWrong,
  examples: {
    add: 'homing local-user add john@example.org --home /var/vmail/john --uid 5000 --gid 5000',
    set: 'homing local-user set john@example.org --active no',
    show: 'homing local-user show john@example.org',
    list: "homing local-user list '*@example.org' --json",
    delete: 'homing local-user delete john@example.org',
    import: 'homing local-user import /etc/dovecot/users --format passwd-file',
  },
})

// Users whose mail lies on the server that asks.

import { localUser } from '../accounts/account-kinds.js'
import { accountCommands } from './account-commands.js'

export const localUserCommands = accountCommands({
  ...localUser,
  examples: {
    add: 'homing local-user add john@example.org --home /var/vmail/john --uid 5000 --gid 5000',
    set: 'homing local-user set john@example.org --active no',
    show: 'homing local-user show john@example.org',
    list: "homing local-user list '*@example.org' --json",
    delete: 'homing local-user delete john@example.org',
    import: 'homing local-user import /etc/dovecot/users --format passwd-file',
  },
})

// Users whose mail lies on another server.

import { proxyUser } from '../accounts/account-kinds.js'
import { accountCommands } from './account-commands.js'

export const proxyUserCommands = accountCommands({
  ...proxyUser,
  examples: {
    add: 'homing proxy-user add anna@example.org --host backend1.example.org --ssl-mode starttls',
    set: 'homing proxy-user set anna@example.org --host backend2.example.org --port ""',
    show: 'homing proxy-user show anna@example.org',
    list: "homing proxy-user list '*@example.org'",
    delete: 'homing proxy-user delete anna@example.org',
    import: 'homing proxy-user import users.csv --dry-run',
  },
})

// Users who may be other users.

import { masterUser } from '../accounts/account-kinds.js'
import { accountCommands } from './account-commands.js'

export const masterUserCommands = accountCommands({
  ...masterUser,
  examples: {
    add: 'homing master-user add admin@example.org --domains example.org --allow-nets 192.0.2.0/24 --expires 2027-01-31',
    set: 'homing master-user set admin@example.org --active no',
    show: 'homing master-user show admin@example.org',
    list: 'homing master-user list --json',
    delete: 'homing master-user delete admin@example.org',
    import: 'homing master-user import masters.csv --dry-run',
  },
})

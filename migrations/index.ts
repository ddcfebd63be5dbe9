// The database's history, oldest first. A line that stands here is never changed: databases remember it.

import type { Migration } from '../src/database/migration.js'
import { proxyLocalAndMasterUsers } from './0001-proxy-local-and-master-users.js'
import { changesAndCopies } from './0002-changes-and-copies.js'
import { masterLimitsAndUses } from './0003-master-limits-and-uses.js'
import { policyLists } from './0004-policy-lists.js'
import { loginEvents } from './0005-login-events.js'
import { imports } from './0006-imports.js'
import { audit } from './0007-audit.js'
import { knownPairs } from './0008-known-pairs.js'

export const migrations: readonly Migration[] = [
  proxyLocalAndMasterUsers,
  changesAndCopies,
  masterLimitsAndUses,
  policyLists,
  loginEvents,
  imports,
  audit,
  knownPairs,
]

// The HTTP doors, one line each.

import { adminDoor } from './admin-door.js'
import type { Door } from './door.js'
import { passdbDoor } from './passdb-door.js'
import { policyDoor } from './policy-door.js'

export const doors: readonly Door[] = [passdbDoor, policyDoor, adminDoor]

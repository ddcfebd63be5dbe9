// The HTTP doors, one line each.

import type { Door } from './door.js'
import { passdbDoor } from './passdb-door.js'

export const doors: readonly Door[] = [passdbDoor]

// The groups of routes behind the admin door, one line each. GET and HEAD need a token that may read, all others one
// that may write; a group need not look at it.

import type { FastifyInstance } from 'fastify'
import type { Services } from '../services.js'
import { adminAccountRoutes } from './admin-account-routes.js'
import { adminAttemptRoutes } from './admin-attempt-routes.js'
import { adminCacheRoutes } from './admin-cache-routes.js'
import { adminHealthRoutes } from './admin-health-routes.js'
import { adminListRoutes } from './admin-list-routes.js'

export type AdminRoutes = (app: FastifyInstance, options: { readonly services: Services }) => void

export const adminRoutes: readonly AdminRoutes[] = [
  adminCacheRoutes,
  adminAccountRoutes,
  adminListRoutes,
  adminAttemptRoutes,
  adminHealthRoutes,
]

// The door for administrators and their programs: /v1/admin/…

import { createAdminAccess, refuseByRole } from './admin-access.js'
import { adminRoutes } from './admin-routes.js'
import type { Door } from './door.js'

export const adminDoor: Door = {
  name: 'admin',
  listenSetting: 'admin_listen',
  secretSettings: ['admin_token', 'admin_read_token'],
  needsSecretOnLoopback: true,
  mount(app, { services, settings, trust }) {
    refuseByRole(app, createAdminAccess(settings, trust))
    for (const mount of adminRoutes) mount(app, { services })
  },
}

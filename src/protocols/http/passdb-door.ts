// The door for Dovecot and for everybody who asks as Dovecot does.

import { createCallerCheck, refuseStrangers } from './caller.js'
import type { Door } from './door.js'
import { passdbRoutes } from './passdb-routes.js'
import { userdbListRoute } from './userdb-list-route.js'

export const passdbDoor: Door = {
  name: 'passdb',
  listenSetting: 'listen',
  secretSettings: ['api_token'],
  mount(app, { services, settings, trust }) {
    const caller = createCallerCheck(settings.api_token, trust)
    refuseStrangers(app, caller)
    passdbRoutes(app, { services, maySeeCredentials: caller.maySeeCredentials })
    userdbListRoute(app, { services })
  },
}

// The door for Dovecot and for everybody who asks as Dovecot does.

import { createCallerCheck, refuseStrangers } from './caller.js'
import { createAddressTrust } from './client-address.js'
import type { Door } from './door.js'
import { oauth2Routes } from './oauth2-routes.js'
import { passdbRoutes } from './passdb-routes.js'
import { userdbListRoute } from './userdb-list-route.js'

export const passdbDoor: Door = {
  name: 'passdb',
  listenSetting: 'listen',
  secretSettings: ['api_token'],
  mount(app, { services, settings, trust, direct }) {
    const caller = createCallerCheck(() => settings.api_token, trust)
    const mayStateAddress = createAddressTrust(() => settings.trusted_networks, trust)
    app.register(async app => {
      refuseStrangers(app, caller)
      passdbRoutes(app, {
        services,
        caller,
        mayStateAddress,
        direct,
      })
      userdbListRoute(app, { services })
    })
    // Dovecot's oauth2 passdb sends no such header: its client id and secret stand in the form.
    app.register(async app => oauth2Routes(app, { services, settings, mayStateAddress, direct }))
  },
}

// Everything an operator can set: the settings of every folder, the driver tables, and the chain nobody wrote down.

import { cacheSettings } from '../cache/cache-settings.js'
import { databaseSettings } from '../database/database-settings.js'
import { dovecotSettings } from '../dovecot/dovecot-settings.js'
import { choice, settings, text } from '../model/setting.js'
import { usernameSettings } from '../model/username.js'
import { passdbDrivers } from '../passdb/drivers.js'
import { passwordSettings } from '../password/password-settings.js'
import { policySettings } from '../policy/policy-settings.js'
import { dictSettings } from '../protocols/dict/dict-settings.js'
import { doors } from '../protocols/http/doors.js'
import { httpSettings } from '../protocols/http/http-settings.js'
import { doorTlsSettings } from '../protocols/http/tls-settings.js'
import { routingSettings } from '../routing/routing-settings.js'
import { stateSettings } from '../state/state-settings.js'
import { logSettings } from '../telemetry/logger.js'
import { loginEventSettings } from '../telemetry/login-event-settings.js'
import { masterAuditSettings } from '../telemetry/master-audit.js'
import { userdbDrivers } from '../userdb/drivers.js'
import type { Config, ConfigSchema } from './config.js'
import { presets } from './presets.js'

const presetSettings = settings({
  preset: choice(
    'A beginning for a site of this size: `small` (up to 1,000 mailboxes), `medium` (10,000) or `large`. Whatever else is written down beats it.',
    ['none', 'small', 'medium', 'large'],
    'none',
    { reloads: true },
  ),
})

const masterSettings = settings({
  auth_master_user_separator: text(
    'What stands between login user and master user in a name (`anna*admin`): its first character counts. Empty: no master logins.',
    '',
  ),
})

/** Every door beside the first may have TLS of its own: `policy_ssl`, `policy_ssl_cert` … */
const tlsOfDoors: Record<never, never> = Object.assign(
  {},
  ...doors
    .filter(({ listenSetting }) => listenSetting !== 'listen')
    .map(({ listenSetting }) => doorTlsSettings(listenSetting.replace(/listen$/, ''))),
)

const programSettings = settings({
  ...presetSettings.properties,
  ...httpSettings.properties,
  ...tlsOfDoors,
  ...dictSettings.properties,
  ...databaseSettings.properties,
  ...usernameSettings.properties,
  ...masterSettings.properties,
  ...routingSettings.properties,
  ...cacheSettings.properties,
  ...passwordSettings.properties,
  ...stateSettings.properties,
  ...policySettings.properties,
  ...dovecotSettings.properties,
  ...logSettings.properties,
  ...loginEventSettings.properties,
  ...masterAuditSettings.properties,
})

export type HomingConfig = Config<typeof programSettings>

/**
 * The guide's intent made right: proxied users first, an unknown one goes on to the local users; an error or a
 * disabled account stops there. The userdb finds local users; proxied ones are listed beside them.
 */
export const programSchema = {
  settings: programSettings,
  presets,
  passdbDrivers,
  userdbDrivers,
  defaultPassdbs: [
    {
      name: 'proxy',
      driver: 'sql',
      table: 'proxy_users',
      result_success: 'return-ok',
      result_failure: 'continue',
      result_internalfail: 'return-fail',
    },
    {
      name: 'local',
      driver: 'sql',
      table: 'local_users',
      result_success: 'return-ok',
      result_failure: 'return-fail',
      result_internalfail: 'return-fail',
    },
  ],
  defaultUserdbs: [
    { name: 'local', driver: 'sql', table: 'local_users' },
    { name: 'proxy', driver: 'sql', table: 'proxy_users', list_only: true },
  ],
} satisfies ConfigSchema<typeof programSettings>

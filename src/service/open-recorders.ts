// What a service writes of logins into its database, beside them: login events, and uses of master users.

import type { HomingConfig } from '../config/program-schema.js'
import type { Database } from '../database/open-database.js'
import { systemClock } from '../model/clock.js'
import type { Logger } from '../telemetry/logger.js'
import { createLoginRecorder, type LoginRecorder } from '../telemetry/login-recorder.js'
import { createMasterAudit, type MasterAudit } from '../telemetry/master-audit.js'

export interface Recorders {
  readonly logins: LoginRecorder
  readonly masters: MasterAudit
}

/** The settings are read at every event: what a reload changes in them counts at once. */
export function openRecorders(
  { loginEvents, masterUses }: Database,
  settings: HomingConfig['settings'],
  log: Logger,
): Recorders {
  return {
    logins: createLoginRecorder({
      store: loginEvents,
      settings,
      clock: systemClock,
      warn: (message, cause) => log.warn({ cause }, message),
    }),
    masters: createMasterAudit({
      store: masterUses,
      settings,
      clock: systemClock,
      log: (level, details, message) => log[level](details, message),
    }),
  }
}

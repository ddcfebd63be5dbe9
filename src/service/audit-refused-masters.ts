// Attempts at being somebody else that the policy refused: the engine never saw them, and the audit has them all the same.

import { refusedMasterUse } from '../auth/master-use.js'
import { loginNames } from '../auth/master-user.js'
import type { HomingConfig } from '../config/program-schema.js'
import type { IncomingRequest } from '../model/auth-request.js'
import { createUsernameRules } from '../model/username.js'
import type { MasterAudit } from '../telemetry/master-audit.js'

/** Told of every login that is refused; takes no notice of ordinary ones. */
export function auditRefusedMasters(
  settings: HomingConfig['settings'],
  audit: Pick<MasterAudit, 'record'>,
): (request: IncomingRequest, reason: string) => void {
  const rules = createUsernameRules(settings)
  return (request, reason) => {
    const names = loginNames(request, settings.auth_master_user_separator, rules)
    const use = refusedMasterUse(request, names, reason)
    // Nobody waits for the record of a refusal.
    if (use) void audit.record(use)
  }
}

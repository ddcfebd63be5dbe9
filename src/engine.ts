// A configuration → an engine with its databases open. The service puts listeners before it; the command line asks it.

import type { Auth } from './auth/auth.js'
import { type ChainedPassdb, mechanismSet } from './auth/chained-passdb.js'
import type { ChainedUserdb } from './auth/chained-userdb.js'
import { createAuth } from './auth/create-auth.js'
import { compileLinkFields } from './auth/field-templates.js'
import { createChain } from './auth/passdb-chain.js'
import { createStrengthening, type StrengthenEvent } from './auth/strengthen-password.js'
import type { AuthCache } from './cache/auth-cache.js'
import type { HomingConfig } from './config/program-schema.js'
import type { DriverDeps } from './database/driver-deps.js'
import { createDatabases, type Database, type Databases } from './database/open-database.js'
import type { AccountChange } from './database/record-change.js'
import type { AuthEvent } from './model/auth-event.js'
import { systemClock } from './model/clock.js'
import type { MasterUse } from './model/master-use.js'
import { createUsernameRules } from './model/username.js'
import { passdbDrivers } from './passdb/drivers.js'
import type { PassdbDriver } from './passdb/passdb-driver.js'
import { createPasswordVerifier } from './password/create-password-verifier.js'
import type { PasswordVerifier } from './password/password-verifier.js'
import { createRouter } from './routing/create-router.js'
import { userdbDrivers } from './userdb/drivers.js'
import type { UserdbDriver } from './userdb/userdb-driver.js'

export interface Engine {
  readonly auth: Auth
  readonly verifier: PasswordVerifier
  readonly databases: Databases
  /** The database of the whole service. */
  readonly database: Database
  /**
   * Ends workers and connections; what is under way ends as internal_failure. New hashes that are being written are
   * waited for as long as `patienceMs`.
   */
  close(patienceMs?: number): Promise<void>
}

export interface EngineDeps {
  /** Told of every answered question. */
  readonly report: (event: AuthEvent) => void
  /** Told of what works but should not stay so. */
  readonly warn: (message: string) => void
  /** Absent: every question asks the databases. */
  readonly cache?: AuthCache | undefined
  /** As AuthOptions.masterUsed. Absent: nothing is recorded; a command that asks a question logs nobody in. */
  readonly masterUsed?: (use: MasterUse) => Promise<boolean> | undefined
  /** Told of every account that this engine has changed. */
  readonly changed?: (change: AccountChange) => void
  /**
   * Told of every weak hash that password_rehash has replaced, or could not. Absent: none is, whatever the settings
   * say; a command that asks a question changes nothing.
   */
  readonly strengthened?: (event: StrengthenEvent) => void
}

/**
 * Opens everything the configuration names. A database that is down does not stop it. Throws ConfigError for
 * settings that can never work, with nothing left open.
 */
export async function openEngine(config: HomingConfig, deps: EngineDeps): Promise<Engine> {
  const { report, warn, cache, changed, strengthened } = deps
  const { settings } = config
  const databases = createDatabases(settings, { warn, ...(changed && { changed }) })
  const verifier = createPasswordVerifier(settings)
  const strengthening =
    verifier.rehash &&
    strengthened &&
    createStrengthening({ rehash: verifier.rehash, clock: systemClock, report: strengthened })
  const usernameRules = createUsernameRules(settings)
  const router = createRouter(settings, { clock: systemClock, warn, usernameRules })
  const close = async (patienceMs = 0) => {
    router.stop()
    await strengthening?.close(patienceMs)
    await verifier.close()
    await databases.close()
  }
  try {
    const depsOf = (name: string): DriverDeps => ({
      databases,
      usernameRules,
      name,
      defaultDatabaseUrl: settings.database_url,
      warn: message => warn(`${name}: ${message}`),
    })
    await router.start()
    const auth = createAuth({
      chain: createChain(await openPassdbs(config, depsOf)),
      userdbs: await openUserdbs(config, depsOf),
      usernameRules,
      masterUserSeparator: settings.auth_master_user_separator,
      verifier,
      clock: systemClock,
      route: router.route,
      ...(cache && { cache }),
      report,
      ...(deps.masterUsed && { masterUsed: deps.masterUsed }),
      ...(strengthening && { matched: strengthening.matched }),
    })
    return { auth, verifier, databases, database: databases.open(settings.database_url), close }
  } catch (error) {
    await close()
    throw error
  }
}

type DepsOf = (name: string) => DriverDeps

async function openPassdbs(config: HomingConfig, depsOf: DepsOf): Promise<ChainedPassdb[]> {
  const drivers: Readonly<Record<string, PassdbDriver>> = passdbDrivers
  const links: ChainedPassdb[] = []
  for (const { name, driver, settings, options } of config.passdbs) {
    const passdb = await driverNamed(drivers, driver).open(options as never, depsOf(name))
    links.push({
      name,
      passdb,
      master: settings.master,
      deny: settings.deny,
      skip: settings.skip,
      resultSuccess: settings.result_success,
      resultFailure: settings.result_failure,
      resultInternalfail: settings.result_internalfail,
      foundIsFinal:
        settings.found_is_final === 'auto' ? passdb.routes === true : settings.found_is_final === 'yes',
      ...compileLinkFields(settings.default_fields, settings.override_fields, `passdb ${name}`),
      defaultPasswordScheme: settings.default_password_scheme,
      ...(settings.mechanisms_filter.length > 0 && { mechanisms: mechanismSet(settings.mechanisms_filter) }),
      ...(settings.username_filter.length > 0 && { usernameFilter: settings.username_filter }),
    })
  }
  return links
}

async function openUserdbs(config: HomingConfig, depsOf: DepsOf): Promise<ChainedUserdb[]> {
  const drivers: Readonly<Record<string, UserdbDriver>> = userdbDrivers
  const links: ChainedUserdb[] = []
  for (const { name, driver, settings, options } of config.userdbs) {
    const userdb = await driverNamed(drivers, driver).open(options as never, depsOf(name))
    links.push({
      name,
      userdb,
      skip: settings.skip,
      resultSuccess: settings.result_success,
      resultFailure: settings.result_failure,
      resultInternalfail: settings.result_internalfail,
      ...compileLinkFields(settings.default_fields, settings.override_fields, `userdb ${name}`),
    })
  }
  return links
}

/** The configuration was read against the same table: a name that is not in it is a bug. */
function driverNamed<D>(drivers: Readonly<Record<string, D>>, name: string): D {
  const driver = Object.hasOwn(drivers, name) ? drivers[name] : undefined
  if (!driver) throw new Error(`no driver ${name}`)
  return driver
}

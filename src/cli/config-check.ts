import type { Findings } from '../config/check-config.js'
import { type ConfigProblem, formatProblem } from '../config/config-problem.js'
import { databaseUrls } from '../config/database-urls.js'
import type { HomingConfig } from '../config/program-schema.js'
import { DatabaseError } from '../database/database-error.js'
import type { Database, Databases } from '../database/open-database.js'
import { ConfigError } from '../model/config-error.js'
import { createUsernameRules } from '../model/username.js'
import type { Call, Command } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { readConfig } from './open-config.js'
import { visible } from './visible-text.js'

export const configCheck: Command = {
  name: 'config check',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'reads the configuration and says what is wrong with it, and what works but should not stay so',
  details:
    'Also looks at the rows of the database, if it answers: proxied users whose backend may show any certificate, ' +
    'passwords and ports that cannot work. Changes nothing. Exit code 78 when `homing serve` would not start.',
  examples: ['homing config check --config /etc/homing.toml'],
  options: {},
  run: checkConfiguration,
}

async function checkConfiguration(call: Call): Promise<ExitCode> {
  const { terminal, json } = call
  const loaded = readConfig(call)
  const rehearsed =
    'config' in loaded ? await rehearse(loaded.config) : { problems: loaded.problems, warnings: [] }
  const { problems } = rehearsed
  const warnings = [...loaded.warnings, ...rehearsed.warnings]
  const code = problems.length > 0 ? exitCode.configuration : exitCode.ok
  if (json) {
    await terminal.print(`${JSON.stringify({ problems, warnings })}\n`)
    return code
  }
  for (const problem of problems) terminal.complain(`error: ${formatProblem(problem)}`)
  for (const warning of warnings) terminal.complain(`warning: ${formatProblem(warning)}`)
  if (problems.length === 0) {
    await terminal.print(terminal.paint.good('the configuration is good') + countOf(warnings.length))
  }
  return code
}

/** What the drivers say when they are handed their settings, and what can be seen in the rows. */
async function rehearse(config: HomingConfig): Promise<Findings> {
  const { openEngine } = await import('../engine.js')
  try {
    const engine = await openEngine(config, { report: () => {}, warn: () => {} })
    try {
      const databases = databaseUrls(config).map(url => engine.databases.open(url))
      const found = await Promise.all(databases.map(database => lookAtRows(database, config)))
      return { problems: [], warnings: [...found.flat(), ...(await weakMasters(config, engine.databases))] }
    } finally {
      await engine.close()
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { problems: [{ source: 'configuration', wrong: error.message }], warnings: [] }
  }
}

async function weakMasters(config: HomingConfig, databases: Databases): Promise<readonly ConfigProblem[]> {
  const { findWeakMasters } = await import('./weak-masters.js')
  const weak = await findWeakMasters(config, databases, ROWS_SHOWN)
  return weak.map(({ table, user, fault }) => ({
    source: 'database',
    key: `${table} ${user}`,
    wrong: fault,
    right: 'homing master-user set USER --ask-password',
  }))
}

/** More lines than this help nobody. */
const ROWS_SHOWN = 20
const ROWS_DEADLINE_MS = 10_000

/** A database that does not answer is no fault of the configuration: it says so, and nothing else. */
async function lookAtRows(database: Database, { settings }: HomingConfig): Promise<readonly ConfigProblem[]> {
  const warnings: ConfigProblem[] = []
  const deadline = performance.now() + ROWS_DEADLINE_MS
  try {
    for await (const { table, user, sentence } of database.adoptionReport(createUsernameRules(settings))) {
      if (warnings.length === ROWS_SHOWN || performance.now() > deadline) {
        warnings.push({
          source: database.name,
          wrong: 'there is more: homing migrate --dry-run lists all of it',
        })
        break
      }
      const key = user === undefined ? table : `${table} ${visible(user)}`
      warnings.push({ source: database.name, key, wrong: sentence })
    }
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    warnings.push({ source: database.name, wrong: `the rows could not be looked at: ${error.message}` })
  }
  return warnings
}

function countOf(warnings: number): string {
  if (warnings === 0) return '\n'
  return warnings === 1 ? ', with 1 warning\n' : `, with ${warnings} warnings\n`
}

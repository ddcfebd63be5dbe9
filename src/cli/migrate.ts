import { databaseUrls } from '../config/database-urls.js'
import type { AdoptionProblem } from '../database/adoption-report.js'
import type { Database } from '../database/open-database.js'
import { createUsernameRules, type UsernameRules } from '../model/username.js'
import type { Call, Command } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { migrateDatabase } from './migrate-database.js'
import { openConfig } from './open-config.js'
import { visible } from './visible-text.js'

export const migrate: Command = {
  name: 'migrate',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary:
    'brings the database to this version: makes the tables that are missing and widens those that are there',
  details:
    'No row is dropped or rewritten; what cannot work as it is stored is listed by user. Several copies may run at ' +
    'once: one migrates and the others wait. `homing serve` does it by itself for the embedded database only.',
  examples: ['homing migrate --dry-run', 'homing migrate --config /etc/homing.toml'],
  options: { 'dry-run': { type: 'boolean', description: 'say what would be done, and do nothing' } },
  run: migrateAll,
}

async function migrateAll(call: Call): Promise<ExitCode> {
  const config = openConfig(call)
  const dryRun = call.flag('dry-run')
  const rules = createUsernameRules(config.settings)
  const { createDatabases } = await import('../database/open-database.js')
  const databases = createDatabases(config.settings, { warn: call.terminal.complain })
  const results: Readonly<Record<string, unknown>>[] = []
  try {
    for (const url of databaseUrls(config)) {
      const database = databases.open(url)
      const { steps, notes } = await migrateDatabase(database, { dryRun })
      if (!call.json) await call.terminal.print(report(database.name, dryRun, steps, notes))
      const problems = await reportProblems(call, database, rules)
      const done = steps.map(({ what, sql }) => (dryRun ? { what, sql } : { what }))
      results.push({ database: database.name, dryRun, steps: done, notes, problems })
    }
  } finally {
    await databases.close()
  }
  if (call.json) await call.terminal.print(`${JSON.stringify(results)}\n`)
  return exitCode.ok
}

/** Prints each as it is found; `--json` gets all of them. */
async function reportProblems(
  call: Call,
  database: Database,
  rules: UsernameRules,
): Promise<AdoptionProblem[]> {
  const problems: AdoptionProblem[] = []
  for await (const problem of database.adoptionReport(rules)) {
    if (call.json) problems.push(problem)
    else
      await call.terminal.print(
        `  ${problem.table}${problem.user ? ` ${visible(problem.user)}` : ''}: ${visible(problem.sentence)}\n`,
      )
  }
  return problems
}

interface Step {
  readonly what: string
  readonly sql: string
}

function report(name: string, dryRun: boolean, steps: readonly Step[], notes: readonly string[]): string {
  const title = steps.length === 0 ? `${name} is at this version` : `${name}: ${dryRun ? 'would do' : 'done'}`
  const lines = steps.flatMap(({ what, sql }) => (dryRun ? [`  ${what}`, `    ${sql};`] : [`  ${what}`]))
  return [title, ...lines, ...notes.map(note => `  note: ${note}`)].map(line => `${line}\n`).join('')
}

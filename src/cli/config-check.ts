import { type ConfigProblem, formatProblem } from '../config/config-problem.js'
import type { HomingConfig } from '../config/program-schema.js'
import { ConfigError } from '../model/config-error.js'
import type { Call, Command } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { readConfig } from './open-config.js'

export const configCheck: Command = {
  name: 'config check',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'reads the configuration and says what is wrong with it, and what works but should not stay so',
  details:
    'Reads the files that the configuration names, and connects to nothing. Exit code 78 when `homing serve` ' +
    'would not start.',
  examples: ['homing config check --config /etc/homing.toml'],
  options: {},
  run: checkConfiguration,
}

async function checkConfiguration(call: Call): Promise<ExitCode> {
  const { terminal, json } = call
  const { warnings, ...loaded } = readConfig(call)
  const problems = 'problems' in loaded ? loaded.problems : await rehearse(loaded.config)
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

/** What the drivers say when they are handed their settings; a database is only connected to when it is asked. */
async function rehearse(config: HomingConfig): Promise<readonly ConfigProblem[]> {
  const { openEngine } = await import('../engine.js')
  try {
    const engine = await openEngine(config, { report: () => {}, warn: () => {} })
    await engine.close()
    return []
  } catch (error) {
    if (error instanceof ConfigError) return [{ source: 'configuration', wrong: error.message }]
    throw error
  }
}

function countOf(warnings: number): string {
  if (warnings === 0) return '\n'
  return warnings === 1 ? ', with 1 warning\n' : `, with ${warnings} warnings\n`
}

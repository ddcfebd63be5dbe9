// The configuration as every command reads it: --config and --set, or every mistake and exit code 78.

import { type ConfigProblem, formatProblem } from '../config/config-problem.js'
import { type LoadedConfig, loadConfig } from '../config/load-config.js'
import { type HomingConfig, programSchema } from '../config/program-schema.js'
import { type Call, CommandError } from './command.js'
import { exitCode } from './exit-code.js'

/** Reads the configuration; mistakes are in the value. */
export function readConfig(call: Call): LoadedConfig<typeof programSchema.settings> {
  return loadConfig(programSchema, {
    file: call.text('config'),
    environment: call.terminal.environment,
    flags: call.texts('set'),
  })
}

/** The configuration, or a CommandError that names every mistake. `warn` hears what should not stay so. */
export function openConfig(call: Call, warn: (warning: string) => void = () => {}): HomingConfig {
  const loaded = readConfig(call)
  for (const warning of loaded.warnings) warn(formatProblem(warning))
  if ('config' in loaded) return loaded.config
  throw new ConfigProblems(loaded.problems)
}

/** A configuration with mistakes. */
export class ConfigProblems extends CommandError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(exitCode.configuration, problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

import { dumpConfig, dumpConfigAsJson } from '../config/dump-config.js'
import { programSchema } from '../config/program-schema.js'
import type { Call, Command } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { openConfig } from './open-config.js'

export const configDump: Command = {
  name: 'config dump',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'prints the settings in use, as doveconf does; no secret is shown',
  details:
    'The output is a configuration file. A secret that stands in the configuration itself is left out; ' +
    'one that was read from a file appears as the name of that file.',
  examples: ['homing config dump --non-default', 'HOMING_LISTEN="[::1]:8080" homing config dump'],
  options: {
    'non-default': {
      type: 'boolean',
      short: 'n',
      description: 'only what differs from the defaults, like doveconf -n',
    },
  },
  run: dumpConfiguration,
}

async function dumpConfiguration(call: Call): Promise<ExitCode> {
  const config = openConfig(call)
  const options = { nonDefault: call.flag('non-default') }
  await call.terminal.print(
    call.json
      ? `${JSON.stringify(dumpConfigAsJson(config, programSchema, options), undefined, 2)}\n`
      : dumpConfig(config, programSchema, options),
  )
  return exitCode.ok
}

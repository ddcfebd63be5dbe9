// What a command is. cli.ts has the table of all of them.

import type { ExitCode } from './exit-code.js'
import type { Terminal } from './terminal.js'

export interface CommandOption {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** What stands behind the option in the help: `FILE`. */
  readonly value?: string
  readonly description: string
}

export type CommandOptions = Readonly<Record<string, CommandOption>>

export interface Command {
  /** `auth test` */
  readonly name: string
  /** What follows the name besides options: `USER`, `[MASK…]`. */
  readonly operands: string
  readonly operandCount: { readonly minimum: number; readonly maximum: number }
  /** One line, for the overview. */
  readonly summary: string
  /** What the summary leaves open. */
  readonly details?: string
  readonly examples: readonly string[]
  readonly options: CommandOptions
  run(call: Call): Promise<ExitCode>
}

/** One use of a command. */
export interface Call {
  readonly operands: readonly string[]
  /** The value of an option; undefined when it was not given. */
  text(option: string): string | undefined
  /** All values of an option that may be given more than once. */
  texts(option: string): readonly string[]
  flag(option: string): boolean
  /** Whether the output is for a program. */
  readonly json: boolean
  readonly terminal: Terminal
}

/** A command line that means nothing: one sentence, and exit code 64. */
export class UsageError extends Error {
  readonly code = 'ERR_USAGE'
}

/** Ends a command early with a sentence on stderr (or, with `--json`, as an object) and an exit code. */
export class CommandError extends Error {
  readonly code = 'ERR_COMMAND'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

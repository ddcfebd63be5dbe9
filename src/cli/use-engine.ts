// Opens the engine for one command and closes it again, whatever happens.

import type { Engine } from '../engine.js'
import type { AuthEvent } from '../model/auth-event.js'
import { type Call, CommandError } from './command.js'
import { exitCode } from './exit-code.js'
import { openConfig } from './open-config.js'

/** What a command may use, and what the engine kept to itself: the cause of the last failure. */
export interface OpenedEngine extends Engine {
  readonly lastCause: () => string | undefined
}

/** Runs `use` with the engine of the configuration. Its databases are opened as `serve` opens them. */
export async function useEngine<T>(call: Call, use: (engine: OpenedEngine) => Promise<T>): Promise<T> {
  const config = openConfig(call)
  let last: AuthEvent | undefined
  const { openEngine } = await import('../engine.js')
  const engine = await openEngine(config, {
    report: event => {
      last = event
    },
    warn: message => call.terminal.complain(`warning: ${message}`),
  })
  try {
    return await use({ ...engine, lastCause: () => describeCause(last?.cause) })
  } finally {
    await engine.close()
  }
}

function describeCause(cause: unknown): string | undefined {
  if (cause === undefined) return undefined
  return cause instanceof Error ? cause.message : String(cause)
}

/** A lookup that ended in trouble on our side: the sentence for stderr and exit code 75. */
export function temporaryFailure(what: string, engine: OpenedEngine, reason?: string): CommandError {
  const why = engine.lastCause() ?? reason
  return new CommandError(exitCode.temporaryFailure, why === undefined ? what : `${what}: ${why}`)
}

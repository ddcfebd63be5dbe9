// What a command's end says to a script: sysexits, as in contract.md.

import type { PassdbResult } from '../model/passdb-result.js'

export const exitCode = {
  ok: 0,
  usage: 64,
  badData: 65,
  noSuchUser: 67,
  unavailable: 69,
  temporaryFailure: 75,
  refused: 77,
  configuration: 78,
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

/** doveadm says 77 for a wrong password, a database that is down and a user it never heard of; we tell them apart. */
export const exitCodeOfResult: Readonly<Record<PassdbResult, ExitCode>> = {
  ok: exitCode.ok,
  next: exitCode.temporaryFailure,
  password_mismatch: exitCode.refused,
  user_unknown: exitCode.noSuchUser,
  user_disabled: exitCode.refused,
  pass_expired: exitCode.refused,
  // Trying again does not help: what is stored cannot be compared here.
  scheme_not_available: exitCode.badData,
  internal_failure: exitCode.temporaryFailure,
}

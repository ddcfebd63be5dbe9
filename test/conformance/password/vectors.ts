// Reads the vectors beside the source: stored passwords made by real Dovecots, each with its origin.

import { readFileSync } from 'node:fs'

export type PasswordText = { readonly text: string } | { readonly repeat: string; readonly bytes: number }

export interface PasswordVector {
  readonly origin: string
  readonly scheme: string
  /** The password itself, not its name in the file. */
  readonly password: string
  readonly passwordName: string
  readonly rounds?: number
  readonly stored: string
}

interface Header {
  readonly user: string
  readonly passwords: Record<string, PasswordText>
}

type Line = Omit<PasswordVector, 'passwordName'>

export function expandPassword(password: PasswordText | undefined): string {
  if (!password) throw new Error('no such password among the vectors')
  if ('text' in password) return password.text
  return password.repeat.repeat(Math.ceil(password.bytes / password.repeat.length)).slice(0, password.bytes)
}

/** The first line says which passwords there are, every other one is a vector that names one of them. */
export function readVectors(): { user: string; vectors: PasswordVector[] } {
  // From build/test/conformance/password back to the source: data is not compiled.
  const file = new URL('../../../../test/conformance/password/vectors.jsonl', import.meta.url)
  const [first = '{}', ...lines] = readFileSync(file, 'utf8').trim().split('\n')
  const { user, passwords } = JSON.parse(first) as Header
  const vectors = lines.map(line => {
    const vector = JSON.parse(line) as Line
    return { ...vector, passwordName: vector.password, password: expandPassword(passwords[vector.password]) }
  })
  return { user, vectors }
}

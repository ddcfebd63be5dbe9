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

interface VectorFile {
  readonly user: string
  readonly passwords: Record<string, PasswordText>
  readonly vectors: readonly {
    origin: string
    scheme: string
    password: string
    rounds?: number
    stored: string
  }[]
}

export function expandPassword(password: PasswordText | undefined): string {
  if (!password) throw new Error('no such password among the vectors')
  if ('text' in password) return password.text
  return password.repeat.repeat(Math.ceil(password.bytes / password.repeat.length)).slice(0, password.bytes)
}

export function readVectors(): { user: string; vectors: PasswordVector[] } {
  // From build/test/conformance/password back to the source: JSON is not compiled.
  const file = new URL('../../../../test/conformance/password/vectors.json', import.meta.url)
  const { user, passwords, vectors } = JSON.parse(readFileSync(file, 'utf8')) as VectorFile
  return {
    user,
    vectors: vectors.map(vector => ({
      ...vector,
      passwordName: vector.password,
      password: expandPassword(passwords[vector.password]),
    })),
  }
}

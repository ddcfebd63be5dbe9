// Loads on a password verifier, and what is made of their figures.

import { Password } from '../../src/model/password.js'
import { generatePassword } from '../../src/password/generate-password.js'
import type { PasswordVerifier } from '../../src/password/password-verifier.js'
import { quantile } from './quantile.js'

export const secret = 'password123'

export async function load(
  verifier: PasswordVerifier,
  stored: string,
  outstanding: number,
  ms: number,
): Promise<{ perSecond: number; count: number }> {
  const start = performance.now()
  const count = await loadUntil(verifier, stored, outstanding, () => performance.now() - start > ms)
  return { count, perSecond: count / ((performance.now() - start) / 1000) }
}

/** Keeps so many verifications under way; every one of another user and password, so that none is shared. */
export async function loadUntil(
  verifier: PasswordVerifier,
  stored: string,
  outstanding: number,
  isOver: () => boolean,
): Promise<number> {
  let count = 0
  const one = async (lane: number) => {
    for (let i = 0; !isOver(); i++) {
      await verifier.verify(stored, new Password(`${lane}/${i}`.padEnd(secret.length)), {
        user: `user ${lane}`,
      })
      count++
    }
  }
  await Promise.all(Array.from({ length: outstanding }, (_, lane) => one(lane)))
  return count
}

export async function newHash(scheme: string): Promise<string> {
  const made = await generatePassword(scheme, new Password(secret))
  if ('refused' in made) throw new Error(made.refused)
  return made.stored
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export const max = (all: readonly number[]): number => quantile(all, 1)
export const quartiles = (all: readonly number[]): string =>
  `${quantile(all, 0.25).toFixed(2)} … ${quantile(all, 0.75).toFixed(2)}`
export const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

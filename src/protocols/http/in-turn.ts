// One after the other: what is long and not urgent must not take a database for itself.

import { DatabaseError } from '../../database/database-error.js'

/** So many may wait; whoever comes then is told to come later. */
const MOST_WAITING = 8

/** What is given to it is done one at a time, in order; rejects with what that rejects with, or with a busy DatabaseError. */
export function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return async work => {
    if (waiting > MOST_WAITING) throw busy()
    waiting++
    const mine = last.then(work)
    last = mine.catch(() => {})
    try {
      return await mine
    } finally {
      waiting--
    }
  }
}

const busy = (): DatabaseError =>
  new DatabaseError({
    code: 'HOMING_DATABASE_BUSY',
    temporary: true,
    statement: 'report',
    message: 'too many reports wait for each other',
  })

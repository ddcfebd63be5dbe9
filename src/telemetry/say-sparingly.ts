import type { Clock } from '../model/clock.js'

/** The same function, once a second at most: whoever knocks a thousand times fills no log. */
export function sparingly<A extends readonly unknown[]>(
  clock: Pick<Clock, 'now'>,
  say: (...args: A) => void,
): (...args: A) => void {
  let saidAt = Number.NEGATIVE_INFINITY
  return (...args) => {
    const now = clock.now()
    if (now - saidAt < 1000) return
    saidAt = now
    say(...args)
  }
}

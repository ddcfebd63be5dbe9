// Chance that repeats itself: the same seed, the same history.

export interface Chance {
  /** A whole number below the bound. */
  below(bound: number): number
  oneOf<T>(things: readonly T[]): T
}

/** mulberry32 */
export function chance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (bound: number) => next() % bound
  return { below, oneOf: things => things[below(things.length)] as never }
}

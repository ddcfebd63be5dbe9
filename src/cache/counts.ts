// What the auth cache counts.

const names = [
  'hits',
  'negativeHits',
  'misses',
  'expired',
  'staleServed',
  'fastVerifications',
  'positiveInserts',
  'positiveBytes',
  'negativeInserts',
  'negativeBytes',
] as const

/** The `…Bytes` are of what was inserted, whether it is still there or not. */
export type Counts = Record<(typeof names)[number], number>

export function noCounts(): Counts {
  return Object.fromEntries(names.map(name => [name, 0])) as Counts
}

/** What was counted since the counts were `before`. */
export function countsSince(before: Readonly<Counts>, now: Readonly<Counts>): Counts {
  return Object.fromEntries(names.map(name => [name, now[name] - before[name]])) as Counts
}

// What many measurements come to.

/** The value below which the share `q` of them lies; 0 for none. */
export function quantile(all: readonly number[], q: number): number {
  const sorted = all.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}

export const median = (all: readonly number[]): number => quantile(all, 0.5)

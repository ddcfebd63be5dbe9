// What a load generator measured.

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly answers: number
  /** Status line → how often; anything but 200 means that the figure is worth nothing. */
  readonly statuses: Readonly<Record<string, number>>
  /** CPU time of the load generator itself, in percent of one core. */
  readonly generatorPercent: number
}

/** Sums up; `latencies` in milliseconds, in any order. */
export function summary(
  latencies: number[],
  statuses: Record<string, number>,
  seconds: number,
  cpuSeconds: number,
): LoadResult {
  latencies.sort((a, b) => a - b)
  const quantile = (q: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? 0
  return {
    requestsPerSecond: latencies.length / seconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    answers: latencies.length,
    statuses,
    generatorPercent: (100 * cpuSeconds) / seconds,
  }
}

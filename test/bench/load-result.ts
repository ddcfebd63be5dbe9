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

export interface LoadRecorder {
  /** One answer to what was sent at `sentAt` (performance.now()). Counts only while recording. */
  answered(status: string, sentAt: number): void
  /** True once the load is over: then nothing more is to be sent, and connections may end. */
  isOver(): boolean
}

/** Records for `durationMs` after `warmupMs`, then calls `end` and gives the result to `done`. */
export function record(
  { warmupMs, durationMs }: { readonly warmupMs: number; readonly durationMs: number },
  end: () => void,
  done: (result: LoadResult) => void,
): LoadRecorder {
  const latencies: number[] = []
  const statuses: Record<string, number> = {}
  let startedAt = Number.POSITIVE_INFINITY
  let cpu = process.cpuUsage()
  let over = false
  setTimeout(() => {
    startedAt = performance.now()
    cpu = process.cpuUsage()
  }, warmupMs)
  setTimeout(() => {
    over = true
    const seconds = (performance.now() - startedAt) / 1000
    const used = process.cpuUsage(cpu)
    end()
    done(summary(latencies, statuses, seconds, (used.user + used.system) / 1e6))
  }, warmupMs + durationMs)
  return {
    answered: (status, sentAt) => {
      if (over || sentAt < startedAt) return
      latencies.push(performance.now() - sentAt)
      statuses[status] = (statuses[status] ?? 0) + 1
    },
    isOver: () => over,
  }
}

/** Sums up; `latencies` in milliseconds, in any order. */
function summary(
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

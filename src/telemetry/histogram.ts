// A latency histogram whose counting is a few additions: prom-client's observe() costs a fifth of a request.

import { formatLabels } from './metric-family.js'

/** Upper bounds of the buckets in seconds: from a lookup in memory to Dovecot's patience. */
const bucketSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export interface Histogram {
  observe(labelValue: string, seconds: number): void
  /** In Prometheus' text format. */
  format(): string
}

interface Row {
  readonly buckets: Float64Array
  sum: number
}

/** `label` has one of these values; others are not counted, so that nobody can invent a series. */
export function createHistogram(
  name: string,
  help: string,
  label: string,
  labelValues: readonly string[],
): Histogram {
  const rows = new Map<string, Row>(
    labelValues.map(value => [value, { buckets: new Float64Array(bucketSeconds.length + 1), sum: 0 }]),
  )
  return {
    observe: (labelValue, seconds) => {
      const row = rows.get(labelValue)
      if (!row) return
      let bucket = 0
      while (bucket < bucketSeconds.length && seconds > (bucketSeconds[bucket] ?? 0)) bucket++
      row.buckets[bucket] = (row.buckets[bucket] ?? 0) + 1
      row.sum += seconds
    },
    format: () => {
      const lines = [...rows].flatMap(([value, row]) => formatRow(name, { [label]: value }, row))
      return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${lines.join('')}`
    },
  }
}

function formatRow(name: string, labels: Readonly<Record<string, string>>, { buckets, sum }: Row): string[] {
  let total = 0
  const bounds = [...bucketSeconds.map(String), '+Inf'].map((le, index) => {
    total += buckets[index] ?? 0
    return `${name}_bucket${formatLabels({ le, ...labels })} ${total}\n`
  })
  return [
    ...bounds,
    `${name}_sum${formatLabels(labels)} ${sum}\n`,
    `${name}_count${formatLabels(labels)} ${total}\n`,
  ]
}

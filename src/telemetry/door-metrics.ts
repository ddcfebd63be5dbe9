// What the listeners do: requests by door, status and verdict, how long they take, who is connected, who is turned away.

import { createHistogram } from './histogram.js'
import { formatFamilies, type Sample } from './metric-family.js'

export interface AnsweredRequest {
  readonly door: string
  /** Absent where the door does not speak HTTP. */
  readonly status?: number
  /** In Dovecot's words; absent: the request got none. */
  readonly verdict?: string
  readonly seconds: number
}

export interface DoorMetrics {
  answered(request: AnsweredRequest): void
  /** A connection more, or one less. */
  connected(door: string, difference: 1 | -1): void
  format(): string
}

export function createDoorMetrics(doors: readonly string[]): DoorMetrics {
  const counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>()
  const connections = new Map(doors.map(door => [door, 0]))
  const durations = createHistogram(
    'homing_door_request_duration_seconds',
    'Time from a whole request head to its answer, by door; health checks and metrics are not counted',
    'door',
    doors,
  )
  return {
    answered: ({ door, status, verdict = 'none', seconds }) => {
      const code = status === undefined ? 'none' : String(status)
      const key = `${door} ${code} ${verdict}`
      const known = counts.get(key)
      if (known) known.value++
      else counts.set(key, { labels: { door, code, verdict }, value: 1 })
      durations.observe(door, seconds)
    },
    connected: (door, difference) => {
      connections.set(door, (connections.get(door) ?? 0) + difference)
    },
    format: () =>
      formatFamilies([
        {
          name: 'homing_door_requests_total',
          type: 'counter',
          help: 'Answered requests by door, HTTP status and verdict; health checks and metrics are not counted',
          samples: [...counts.values()],
        },
        {
          name: 'homing_door_connections',
          type: 'gauge',
          help: 'Connections that are open, by door',
          samples: [...connections].map(([door, value]): Sample => ({ labels: { door }, value })),
        },
      ]) + durations.format(),
  }
}

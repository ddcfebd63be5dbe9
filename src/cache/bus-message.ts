// What copies tell each other over the bus about their caches. Pure.

export interface BusMessage {
  /** Login names that were changed. */
  readonly users: readonly string[]
  /** Whom to forget by mask; an empty one is everybody. */
  readonly masks: readonly string[]
  /** Something is asked in the change table. */
  readonly look: boolean
}

export const CHANGES_CHANNEL = 'changes'

export function formatBusMessage({ users = [], masks = [], look = false }: Partial<BusMessage>): string {
  return JSON.stringify({ users, masks, look })
}

/** What cannot be read is a reason to look: somebody wanted to tell something. */
export function parseBusMessage(text: string): BusMessage {
  try {
    const { users, masks, look } = JSON.parse(text) as Partial<Record<keyof BusMessage, unknown>>
    if (isTexts(users) && isTexts(masks)) return { users, masks, look: look === true }
  } catch {
    // As below.
  }
  return { users: [], masks: [], look: true }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string')
}

// Questions that wait at the same moment share one query.

export interface MicroBatchLimits {
  /** The most questions in one query. */
  readonly size: number
  /** Who has waited so long for the query that runs gets another one beside it, up to `parallelAtMost`. */
  readonly patienceMs: number
  readonly parallelAtMost: number
  /** Who has no answer by then, waiting for a place included, is refused; the query goes on for the others. */
  readonly timeoutMs: number
}

interface Waiter<Answer> {
  resolve(answer: Answer): void
  reject(cause: unknown): void
}

/**
 * Makes of `askAll`, which answers many keys at once, a function that answers one. A key asked twice in a batch
 * travels once. Batches leave at the end of the event loop's turn, so that what arrived together goes together; while a
 * query runs the next batch collects. Two side by side would each carry half, and cost the database as much as whole ones.
 */
export function createMicroBatch<Answer>(
  askAll: (keys: readonly string[]) => Promise<(key: string) => Answer>,
  limits: MicroBatchLimits,
): (key: string) => Promise<Answer> {
  let waiting = new Map<string, Waiter<Answer>[]>()
  let running = 0
  let isScheduled = false
  let patience: NodeJS.Timeout | undefined

  function schedule(): void {
    if (isScheduled || waiting.size === 0) return
    if (running === 0) {
      isScheduled = true
      setImmediate(send)
    } else if (running < limits.parallelAtMost && !patience) {
      patience = setTimeout(send, limits.patienceMs)
    }
  }

  function send(): void {
    isScheduled = false
    clearTimeout(patience)
    patience = undefined
    const batch = takeBatch()
    if (batch.size === 0) return
    running++
    askAll([...batch.keys()])
      .then(
        answerOf => settle(batch, (waiter, key) => waiter.resolve(answerOf(key))),
        cause => settle(batch, waiter => waiter.reject(cause)),
      )
      .finally(() => {
        running--
        schedule()
      })
    schedule()
  }

  function takeBatch(): Map<string, Waiter<Answer>[]> {
    const all = waiting
    waiting = new Map()
    if (all.size <= limits.size) return all
    const batch = new Map<string, Waiter<Answer>[]>()
    for (const [key, waiters] of all) (batch.size < limits.size ? batch : waiting).set(key, waiters)
    return batch
  }

  return key =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(tookTooLong(limits.timeoutMs)), limits.timeoutMs)
      const waiter: Waiter<Answer> = {
        resolve: answer => {
          clearTimeout(timer)
          resolve(answer)
        },
        reject: cause => {
          clearTimeout(timer)
          reject(cause)
        },
      }
      const waiters = waiting.get(key)
      if (waiters) waiters.push(waiter)
      else waiting.set(key, [waiter])
      schedule()
    })
}

function tookTooLong(limitMs: number): Error {
  const message = `no answer within ${limitMs} ms, waiting for a query included`
  return Object.assign(new Error(message), { code: 'HOMING_DATABASE_TIMEOUT' })
}

function settle<Answer>(
  batch: Map<string, Waiter<Answer>[]>,
  each: (waiter: Waiter<Answer>, key: string) => void,
): void {
  for (const [key, waiters] of batch) for (const waiter of waiters) each(waiter, key)
}

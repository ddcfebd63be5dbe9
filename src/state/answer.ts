// What came of asking the shared state: a value, or why there is none. A store that is down is a normal day.

export type Answer<T> =
  | { readonly answered: true; readonly value: T }
  /** Nothing is known: what was asked for may have happened or not. `cause` holds no key and no value. */
  | { readonly answered: false; readonly cause: Error }

export function answered<T>(value: T): Answer<T> {
  return { answered: true, value }
}

export function unanswered(message: string): { readonly answered: false; readonly cause: Error } {
  return { answered: false, cause: new Error(message) }
}

/** The answer with its value turned into another. */
export function mapAnswer<T, R>(answer: Answer<T>, turn: (value: T) => R): Answer<R> {
  return answer.answered ? answered(turn(answer.value)) : answer
}

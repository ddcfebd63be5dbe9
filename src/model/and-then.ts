// Answers that are often there at once: a promise for each of them would cost a cached login as much as its database did.

/** The outcome of the work, as a promise; what it throws, as one that is rejected. */
export function promised<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return Promise.resolve(work())
  } catch (cause) {
    return Promise.reject(cause)
  }
}

/** `next` of the value, at once if the value is there. What rejects or throws is for the caller. */
export function andThen<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

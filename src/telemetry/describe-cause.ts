// What a log says of an error: no properties, since a driver may hang a query on them.

/** Name, code and message of an error and of its causes, as something JSON can hold. */
export function describeCause(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name, message } = error
  const code = 'code' in error ? error.code : undefined
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: describeCause(error.cause) }),
  }
}

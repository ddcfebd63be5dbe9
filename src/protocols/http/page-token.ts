// Where a page of a listing begins, as a text that callers pass on and do not read.

type Part = string | number

export function pageToken(parts: readonly Part[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** The parts, if they are of these types; undefined: it is no token of such a listing. */
export function readPageToken<const T extends readonly ('string' | 'number')[]>(
  token: string,
  types: T,
): { readonly [K in keyof T]: T[K] extends 'string' ? string : number } | undefined {
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
  if (!Array.isArray(parts) || parts.length !== types.length) return undefined
  const isRight = parts.every((part, at) => typeof part === types[at] && part !== Number.POSITIVE_INFINITY)
  return isRight ? (parts as never) : undefined
}

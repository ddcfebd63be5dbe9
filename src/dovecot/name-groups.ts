/**
 * Dovecot's auth process takes at most 1024 bytes of names at once; with more it hangs up, and doveadm calls that a
 * success with 0 entries (auth-master-connection.c, 2.3.19 and 2.4.1).
 */
const MOST_BYTES = 900

/** The names in groups that the auth process takes. Throws for one that it does not take at all. */
export function nameGroups(names: readonly string[]): string[][] {
  const groups: string[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const name of names) {
    const size = Buffer.byteLength(name) + 1
    if (size > MOST_BYTES || /[\x00-\x1f\x7f]/.test(name)) throw new Error('Dovecot takes no such name')
    bytes += size
    if (bytes > MOST_BYTES) {
      groups.push([])
      bytes = size
    }
    groups.at(-1)?.push(name)
  }
  return groups
}

import type { Reply } from './auth-socket.js'

/** The reply as one line to compare: fields in any order. */
export function asLine({ word, fields }: Reply): string {
  return [word, ...[...fields].map(([name, value]) => `${name}=${value}`).sort()].join(' ')
}

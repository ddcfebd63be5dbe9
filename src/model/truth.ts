// Yes and no as databases and operators write them. Dovecot would read any text as yes.

const yes = /^\s*(?:yes|y|on|true|t|1)\s*$/i
const no = /^\s*(?:no|n|off|false|f|0)?\s*$/i

/** Whether a text says no; the empty text does. */
export function saysNo(value: string): boolean {
  return no.test(value)
}

/** What a stored value says: NULL and the empty text say no; a word that is neither yes nor no says nothing. */
export function readTruth(value: string | number | null): boolean | undefined {
  if (value === null) return false
  if (typeof value === 'number') return value !== 0
  if (no.test(value)) return false
  return yes.test(value) ? true : undefined
}

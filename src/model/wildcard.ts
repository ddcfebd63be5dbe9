// Dovecot's masks: `*` for any run of characters, `?` for one (lib/wildcard-match.c).

/** Whether the whole text matches the mask. Linear in practice and never worse than mask × text. */
export function matchesWildcard(mask: string, text: string): boolean {
  let m = 0
  let i = 0
  let star = -1
  let retry = 0
  while (i < text.length) {
    if (mask[m] === '*') {
      star = m++
      retry = i
    } else if (m < mask.length && (mask[m] === '?' || mask[m] === text[i])) {
      m++
      i++
    } else if (star >= 0) {
      m = star + 1
      i = ++retry
    } else {
      return false
    }
  }
  while (mask[m] === '*') m++
  return m === mask.length
}

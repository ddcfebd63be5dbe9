// A text as JSON, quickly: most of what logins are answered with needs no escaping.

/** Printable ASCII without quote and backslash stands for itself (RFC 8259, section 7). */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** As JSON.stringify writes it. */
export const jsonText = (text: string): string => (plain.test(text) ? `"${text}"` : JSON.stringify(text))

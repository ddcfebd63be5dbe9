// Dovecot's line escaping (lib/strescape.c:str_tabescape): what keeps a value in its place on a TAB-separated line.

const escapes: Readonly<Record<string, string>> = {
  '\x00': '\x010',
  '\x01': '\x011',
  '\t': '\x01t',
  '\r': '\x01r',
  '\n': '\x01n',
}

const special = /[\x00\x01\t\r\n]/
const everySpecial = /[\x00\x01\t\r\n]/g

/** The text with NUL, 0x01, TAB, CR and LF written as 0x01 and a letter. */
export function tabEscape(text: string): string {
  return special.test(text) ? text.replace(everySpecial, character => escapes[character] ?? character) : text
}

const unescapes: Readonly<Record<string, string>> = { '0': '\x00', '1': '\x01', t: '\t', r: '\r', n: '\n' }

/** The opposite (str_tabunescape): any other character behind 0x01 stands for itself, and a 0x01 at the end for nothing. */
export function tabUnescape(text: string): string {
  if (!text.includes('\x01')) return text
  return text.replace(/\x01([\s\S]?)/g, (_escape, character: string) => unescapes[character] ?? character)
}

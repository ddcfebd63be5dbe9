// Dovecot's line escaping (lib/strescape.c:str_tabescape): what keeps a value in its place on a TAB-separated line.

const escapes: Readonly<Record<string, string>> = {
  '\x00': '\x010',
  '\x01': '\x011',
  '\t': '\x01t',
  '\r': '\x01r',
  '\n': '\x01n',
}

const everySpecial = /[\x00\x01\t\r\n]/g

/** The text with NUL, 0x01, TAB, CR and LF written as 0x01 and a letter. */
export function tabEscape(text: string): string {
  return isPlain(text) ? text : text.replace(everySpecial, character => escapes[character] ?? character)
}

/** A regular expression takes four times as long for the short texts that almost all are. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code <= 0x01 || code === TAB || code === LF || code === CR) return false
  }
  return true
}

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d

const unescapes: Readonly<Record<string, string>> = { '0': '\x00', '1': '\x01', t: '\t', r: '\r', n: '\n' }

/** The opposite (str_tabunescape): any other character behind 0x01 stands for itself, and a 0x01 at the end for nothing. */
export function tabUnescape(text: string): string {
  if (!text.includes('\x01')) return text
  return text.replace(/\x01([\s\S]?)/g, (_escape, character: string) => unescapes[character] ?? character)
}

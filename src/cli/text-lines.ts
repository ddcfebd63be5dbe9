// Bytes → lines of text, numbered.

import { StringDecoder } from 'node:string_decoder'

export interface TextLine {
  /** Counted from 1. */
  readonly line: number
  /** Without its line break. What is not UTF-8 in it is U+FFFD. */
  readonly text: string
}

/** A bare CR ends a line where `breaks` says so. */
export const lineBreaks = { lf: /\r?\n/, any: /\r?\n|\r(?!$)/ } as const

const UTF16LE_MARK = '\xff\xfe'

/** A byte order mark is no text; that of UTF-16 says how the file is to be read. */
export async function* textLines(
  bytes: AsyncIterable<Buffer | string>,
  breaks: RegExp = lineBreaks.lf,
): AsyncGenerator<TextLine> {
  let decoder: StringDecoder | undefined
  let line = 0
  let rest = ''
  const numbered = (text: string): TextLine => ({
    line: ++line,
    text: line === 1 ? text.replace(/^\ufeff/, '') : text,
  })
  for await (const chunk of bytes) {
    const buffer = Buffer.from(chunk)
    decoder ??= new StringDecoder(buffer.toString('latin1', 0, 2) === UTF16LE_MARK ? 'utf16le' : 'utf8')
    const texts = (rest + decoder.write(buffer)).split(breaks)
    rest = texts.pop() ?? ''
    for (const text of texts) yield numbered(text)
  }
  rest = (rest + (decoder?.end() ?? '')).replace(/\r$/, '')
  if (rest !== '') yield numbered(rest)
}

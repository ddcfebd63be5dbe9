// CSV as RFC 4180 has it, by line: also of what is no CSV it is known which lines it takes up, which csv-parse does not say.

import { parse } from 'csv-parse/sync'
import type { TextLine } from './text-lines.js'

export interface CsvRecord {
  /** Counted from 1; a quoted cell may go on for several lines. */
  readonly first: number
  readonly last: number
  /** Absent: these lines are no CSV. */
  readonly cells?: readonly string[]
}

/**
 * Every record in its order, and all lines but empty ones are in one. What follows a quote that is not closed is no
 * record before another quote: it may be the text of somebody who wrote a line of his own into a cell.
 */
export async function* csvRecords(lines: AsyncIterable<TextLine>): AsyncGenerator<CsvRecord> {
  let open: { first: number; last: number; text: string } | undefined
  for await (const { line, text } of lines) {
    if (open === undefined && text === '') continue
    const isWithin = open !== undefined
    const record = open
      ? { ...open, last: line, text: `${open.text}\n${text}` }
      : { first: line, last: line, text }
    open = hasOddQuotes(text) === isWithin ? undefined : record
    if (!open) yield recordOf(record)
  }
  if (open) yield { first: open.first, last: open.last }
}

function recordOf({ first, last, text }: { first: number; last: number; text: string }): CsvRecord {
  const cells = cellsOf(text)
  return { first, last, ...(cells && { cells }) }
}

/** Within a cell a quote is two, so that an odd count opens or closes one. */
function hasOddQuotes(text: string): boolean {
  let isOdd = false
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) isOdd = !isOdd
  return isOdd
}

/** Undefined: this is no record. The library is asked about quotes alone, which few lines have: it takes its time. */
function cellsOf(text: string): readonly string[] | undefined {
  if (!text.includes('"')) return text.split(',')
  try {
    const records: readonly (readonly string[])[] = parse(text, { record_delimiter: '\n' })
    return records.length === 1 ? records[0] : undefined
  } catch {
    return undefined
  }
}

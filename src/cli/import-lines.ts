// What stands in a file of accounts: CSV with a heading, one JSON object a line, or Dovecot's passwd-file.

import { createReadStream } from 'node:fs'
import { type PasswdAccount, parsePasswdLine } from '../model/passwd-file.js'
import { csvRecords } from './csv-records.js'
import { lineBreaks, textLines } from './text-lines.js'

export type Bytes = AsyncIterable<Buffer | string>

/** One account as it is written: names of columns and their texts, `user` among them. */
export type ImportLine =
  | { readonly line: number; readonly texts: ReadonlyMap<string, string> }
  | { readonly line: number; readonly wrong: string; readonly user?: string }

/** Throws WrongHeading where every line would be wrong. */
export type ReadLines = (bytes: Bytes, knownColumns: ReadonlySet<string>) => AsyncIterable<ImportLine>

export const importFormats = {
  csv: { read: readCsv, endings: ['.csv'] },
  jsonl: { read: readJsonLines, endings: ['.jsonl', '.ndjson'] },
  'passwd-file': { read: readPasswdFile, endings: ['.passwd', 'passwd'] },
} satisfies Record<string, { read: ReadLines; endings: readonly string[] }>

export type ImportFormat = keyof typeof importFormats

export function isImportFormat(word: string): word is ImportFormat {
  return Object.hasOwn(importFormats, word)
}

/** The format that a file's name tells. */
export function formatOf(file: string): ImportFormat | undefined {
  const names = Object.keys(importFormats) as ImportFormat[]
  return names.find(name => importFormats[name].endings.some(ending => file.endsWith(ending)))
}

/** A heading that names a column which no account has, or one twice. The message goes on behind "the heading". */
export class WrongHeading extends Error {}

/** `-` is stdin. */
export function openImport(file: string): Bytes {
  return file === '-' ? process.stdin : createReadStream(file)
}

/** RFC 4180, with a line of headings. */
async function* readCsv(bytes: Bytes, knownColumns: ReadonlySet<string>): AsyncGenerator<ImportLine> {
  let columns: readonly string[] | undefined
  for await (const { first, last: line, cells } of csvRecords(textLines(bytes, lineBreaks.any))) {
    if (cells === undefined) yield* noCsv(first, line)
    else if (columns === undefined) columns = headings(cells, knownColumns)
    else if (cells.length !== columns.length) {
      yield { line, wrong: `has ${cells.length} values, and the heading has ${columns.length}` }
    } else yield { line, texts: new Map(columns.map((column, place) => [column, cells[place] ?? ''])) }
  }
}

/** Each line by its number: a quote that nobody closed may have swallowed a thousand accounts. */
function* noCsv(first: number, last: number): Generator<ImportLine> {
  const wrong =
    first === last
      ? 'is no line of CSV'
      : `is no line of CSV: a quote of line ${first} is closed where no cell ends, or never`
  for (let line = first; line <= last; line++) yield { line, wrong }
}

function headings(record: readonly string[], knownColumns: ReadonlySet<string>): readonly string[] {
  const columns = record.map(columnName)
  const unknown = columns.find(column => !knownColumns.has(column))
  if (unknown !== undefined) {
    throw new WrongHeading(`names ${JSON.stringify(unknown)}, and no account has such a column`)
  }
  const again = columns.findIndex((column, place) => columns.indexOf(column) < place)
  if (again >= 0) {
    const first = record[columns.indexOf(columns[again] ?? '')]
    throw new WrongHeading(
      `names ${JSON.stringify(record[again])} beside ${JSON.stringify(first)}: one column twice`,
    )
  }
  return columns
}

/** As on the command line or as in the table: `ssl-mode`, `ssl_mode`. */
function columnName(text: string): string {
  const name = text.trim().toLowerCase().replaceAll('-', '_')
  return name === 'username' ? 'user' : name
}

async function* readJsonLines(bytes: Bytes, knownColumns: ReadonlySet<string>): AsyncGenerator<ImportLine> {
  for await (const { line, text } of textLines(bytes)) {
    if (text.trim() !== '') yield readJsonLine(text, line, knownColumns)
  }
}

function readJsonLine(text: string, line: number, knownColumns: ReadonlySet<string>): ImportLine {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return { line, wrong: 'is not JSON' }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return { line, wrong: 'is not a JSON object' }
  }
  const texts = new Map<string, string>()
  for (const [name, value] of Object.entries(parsed)) {
    const column = columnName(name)
    if (!knownColumns.has(column)) return { line, wrong: `there is no column ${name}` }
    if (texts.has(column)) return { line, wrong: `${name} is the column ${column}, which it has already` }
    if (value === null) texts.set(column, '')
    else if (typeof value === 'object') return { line, wrong: `${name} is neither text nor a number` }
    else texts.set(column, String(value))
  }
  return { line, texts }
}

async function* readPasswdFile(bytes: Bytes, knownColumns: ReadonlySet<string>): AsyncGenerator<ImportLine> {
  for await (const { line, text } of textLines(bytes)) {
    const read = parsePasswdLine(text, line)
    if (read === undefined) continue
    yield 'problem' in read ? { line, user: read.user, wrong: read.problem } : accountLine(read, knownColumns)
  }
}

type Columns = readonly (readonly [column: string, text: string])[]

/** What Dovecot's proxy reads and a row says otherwise: field → columns, given those of the fields before it. */
const proxyWords: Readonly<Record<string, (value: string, before: ReadonlyMap<string, string>) => Columns>> =
  {
    proxy: () => [],
    nopassword: () => [],
    // As in Dovecot, a starttls beside it says how, wherever it stands.
    ssl: (value, before) => tlsColumns(before.get('ssl_mode') ?? 'ssl', value),
    starttls: value => tlsColumns('starttls', value),
  }

const tlsColumns = (mode: string, value: string): Columns => [
  ['ssl_mode', mode],
  ...(value === 'any-cert' ? ([['any_cert', 'yes']] as const) : []),
]

/** Who an account is says the beginning of its line; a field `user` or `password` of Dovecot's means something else. */
const identity = ['user', 'password']

function accountLine(account: PasswdAccount, knownColumns: ReadonlySet<string>): ImportLine {
  const { line, user, password = '', userdb = {} } = account
  const texts = new Map([
    ['user', user],
    ['password', password],
  ])
  const isProxied = knownColumns.has('host')
  // uid, gid and home of a proxied user are the backend's business.
  const home = isProxied ? [] : Object.entries(userdb).filter(([name]) => knownColumns.has(name))
  for (const [name, value] of home) texts.set(name, value)
  for (const [name, template] of account.extraFields) {
    if (template.variables.length > 0) return { line, user, wrong: `the field ${name} holds a variable` }
    const columns = columnsOf(name, template.source, isProxied, texts)
    if (columns.some(([column]) => identity.includes(column) || !knownColumns.has(column))) {
      return { line, user, wrong: `the field ${name} has no column` }
    }
    for (const [column, text] of columns) texts.set(column, text)
  }
  return { line, texts }
}

function columnsOf(
  field: string,
  value: string,
  isProxied: boolean,
  before: ReadonlyMap<string, string>,
): Columns {
  if (!isProxied) return [[field.replace(/^userdb_/, ''), value]]
  const word = Object.hasOwn(proxyWords, field) ? proxyWords[field] : undefined
  return word ? word(value, before) : [[field, value]]
}

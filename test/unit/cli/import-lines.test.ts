// What a line of a file means, before anybody asks whether it can be stored. Into databases: system/import.

import t from 'tap'
import {
  importableColumns,
  localUserColumns,
  proxyUserColumns,
} from '../../../src/accounts/account-columns.js'
import { type ImportFormat, type ImportLine, importFormats } from '../../../src/cli/import-lines.js'

const proxied = importableColumns(proxyUserColumns)
const local = importableColumns(localUserColumns)

async function* inOnePiece(content: string | Buffer) {
  yield Buffer.from(content)
}

async function read(
  format: ImportFormat,
  content: string | Buffer,
  columns = proxied,
): Promise<ImportLine[]> {
  const lines: ImportLine[] = []
  for await (const line of importFormats[format].read(inOnePiece(content), columns)) lines.push(line)
  return lines
}

const textsOf = (line: ImportLine | undefined): object =>
  line !== undefined && 'texts' in line ? Object.fromEntries(line.texts) : { ...line }

t.test('who an account of a passwd-file is says the beginning of its line alone', async t => {
  for (const [line, columns] of [
    ['anna:::::::host=h user=victim', proxied],
    ['anna:{PLAIN}x::::::user=victim', local],
    ['anna:{PLAIN}x::::::userdb_user=victim', local],
    ['anna:{PLAIN}x::::::password={PLAIN}y', local],
  ] as const) {
    const name = /(\w+)=[^=]*$/.exec(line)?.[1]
    t.strictSame(
      await read('passwd-file', line, columns),
      [{ line: 1, user: 'anna', wrong: `the field ${name} has no column` }],
      line,
    )
  }
})

t.test("a field of a proxied user's userdb is not one of his route", async t => {
  t.match(await read('passwd-file', 'anna:::::::proxy host=h userdb_host=other\n'), [
    { wrong: 'the field userdb_host has no column' },
  ])
  t.match((await read('passwd-file', 'anna:::::::userdb_home=/h\n', local)).map(textsOf), [{ home: '/h' }])
})

t.test('any-cert says how certificates are checked, and ssl and starttls how TLS begins', async t => {
  const table: [fields: string, ssl_mode: string | undefined, any_cert: string | undefined][] = [
    ['ssl=yes', 'ssl', undefined],
    ['ssl', 'ssl', undefined],
    ['ssl=any-cert', 'ssl', 'yes'],
    ['starttls=yes', 'starttls', undefined],
    ['starttls=any-cert', 'starttls', 'yes'],
    ['ssl=any-cert starttls=yes', 'starttls', 'yes'],
    ['starttls=yes ssl=any-cert', 'starttls', 'yes'],
    ['', undefined, undefined],
  ]
  for (const [fields, ssl_mode, any_cert] of table) {
    const [line] = await read('passwd-file', `anna:::::::proxy host=h ${fields}\n`)
    t.strictSame(
      textsOf(line),
      { user: 'anna', password: '', host: 'h', ...(ssl_mode && { ssl_mode }), ...(any_cert && { any_cert }) },
      fields,
    )
  }
})

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

/** In pieces of so many bytes. */
async function* inPieces(content: string | Buffer, size = Number.MAX_SAFE_INTEGER) {
  const bytes = Buffer.from(content)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(
  format: ImportFormat,
  content: string | Buffer,
  columns = proxied,
): Promise<ImportLine[]> {
  const lines: ImportLine[] = []
  for await (const line of importFormats[format].read(inPieces(content), columns)) lines.push(line)
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

/** `line user host`, or what is wrong. */
const briefly = (lines: readonly ImportLine[]): string[] =>
  lines.map(line =>
    'wrong' in line
      ? `${line.line} ${line.wrong}`
      : `${line.line} ${line.texts.get('user')} ${line.texts.get('host')}`,
  )

t.test('each line that a bad quote has swallowed is named, and nothing within it is an account', async t => {
  const swallowed = (line: number) =>
    `${line} is no line of CSV: a quote of line 3 is closed where no cell ends, or never`
  t.strictSame(briefly(await read('csv', 'user,host\na,h\nb,"h\nc,h\nd,h\n')), [
    '2 a h',
    ...[3, 4, 5].map(swallowed),
  ])
  t.strictSame(briefly(await read('csv', 'user,host\r\na,h\r\nb,"h\r\nc,h"x\r\nd,h\r\n')), [
    '2 a h',
    ...[3, 4].map(swallowed),
    '5 d h',
  ])
  t.strictSame(briefly(await read('csv', 'user,host\na,"h"x\nb,h\nc,"h"\nd,h\n')), [
    '2 is no line of CSV',
    '3 b h',
    '4 c h',
    '5 d h',
  ])
})

t.test('lines are counted as an editor counts them, whatever ends them', async t => {
  for (const end of ['\n', '\r\n', '\r']) {
    const content = ['user,host', 'a,"h', 'x,h', '', 'y"', '', 'b,h', 'c,"h""q,"', 'd', ''].join(end)
    t.strictSame(
      briefly(await read('csv', content)),
      ['5 a h\nx,h\n\ny', '7 b h', '8 c h"q,', '9 has 1 values, and the heading has 2'],
      JSON.stringify(end),
    )
    for (const size of [1, 2, 3, 7]) {
      const lines: ImportLine[] = []
      for await (const line of importFormats.csv.read(inPieces(content, size), proxied)) lines.push(line)
      t.strictSame(lines, await read('csv', content), `${size} bytes at once`)
    }
  }
  t.strictSame(briefly(await read('csv', 'user,host\na,h\r\nb,h')), ['2 a h', '3 b h'], 'mixed')
})

t.test('a byte order mark is no text', async t => {
  const anna = { user: 'anna', host: 'h' }
  for (const [format, content] of [
    ['csv', 'user,host\nanna,h\n'],
    ['jsonl', '{"user":"anna","host":"h"}\n'],
    ['passwd-file', 'anna:::::::host=h\n'],
  ] as const) {
    for (const bytes of [Buffer.from(`\ufeff${content}`), Buffer.from(`\ufeff${content}`, 'utf16le')]) {
      t.match((await read(format, bytes)).map(textsOf), [anna], format)
    }
  }
})

t.test('a cell of a million quotes is read, and bytes that are no UTF-8 stay visible', async t => {
  const [line] = await read('csv', `user,host\nanna,"${'""'.repeat(1_000_000)}"\n`)
  t.equal(line && 'texts' in line && line.texts.get('host')?.length, 1_000_000)
  t.strictSame(briefly(await read('csv', Buffer.from('user,host\nj\xf6rg,h\n', 'latin1'))), ['2 j\ufffdrg h'])
})

t.test('a column that is named twice is refused, whatever it is called', async t => {
  for (const heading of [
    'user,host,host',
    'user,host,username',
    'user,host,ssl-mode,ssl_mode',
    'User, host ,HOST',
  ]) {
    const names = heading.split(',')
    await t.rejects(read('csv', `${heading}\nanna,h,other,other\n`), {
      message: new RegExp(`^names "${names.at(-1)}" beside "[^"]+": one column twice$`),
    })
  }
  t.strictSame(briefly(await read('jsonl', '{"user":"anna","host":"h","username":"bert"}\n')), [
    '1 username is the column user, which it has already',
  ])
})

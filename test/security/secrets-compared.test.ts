// A lint of our own: a secret that a caller sends is compared in constant time. `===` ends at the first byte that differs.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

/** Whether this names something that must not be guessed byte by byte. */
const secret =
  /(?:secret|token|password|passwd|digest|nonce|authorization|apikey|api_key|credentials?|computed|stored|proof|hmac)s?$/i

/** What is no guess of a caller's: nothing at all, or a word or a number that stands in the source. */
const plain = /^(?:undefined|null|true|false|-?\d.*|['"`].*|[A-Z][A-Z_\d]+)$/

/** Comparisons that no caller can ask for, and why. A line that is gone from the source must go from here. */
const harmless: Readonly<Record<string, string>> = {
  'login.user === rules.normaliseStored(stored)': 'a name as it is stored, in a report for the operator',
  'if (last?.stored !== stored': 'what the database said a moment ago with what it says now',
  'if (name !== stored) respelled.add(name)': 'a name as it is stored',
  'if (!again.equals(password)) throw': 'the same person types a new password twice at a terminal',
  "alone[0]?.toString('hex') === answer.digest": 'the self-test of an implementation by known answers',
  "together.every((t, i) => side[i]?.toString('hex') === t.digest)": 'the same self-test',
  'Buffer.from(secret)).equals(expected)': 'the same self-test, of crypt(3)',
}

t.test('the lint finds what it is to find', async t => {
  const wrong = [
    'if (token === given) return true',
    'return given === settings.api_token',
    'if (headers.authorization !== expected) refuse()',
    'return password == row.password',
    'if (digest.equals(other)) {',
    'if (secret.startsWith(given)) {',
  ]
  for (const line of wrong) t.ok(isSuspicious(line), line)
  const right = [
    "if (password === '') return",
    'if (token === undefined) return',
    "typeof token === 'string'",
    'timingSafeEqual(given, token)',
    'if (bits >= digest.length) return',
    "settings.admin_token !== '' && x",
  ]
  for (const line of right) t.notOk(isSuspicious(line), line)
})

t.test('no secret is compared by ===', async t => {
  const suspicious = sources('src').flatMap(file =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((text, at) => ({ where: `${file}:${at + 1}`, text: text.trim() }))
      .filter(({ text }) => !text.startsWith('//') && !text.startsWith('*') && isSuspicious(text)),
  )
  const unexplained = suspicious.filter(
    ({ text }) => !Object.keys(harmless).some(known => text.includes(known)),
  )
  t.same(unexplained, [])
  t.comment(`${suspicious.length} lines looked at, ${unexplained.length} without a reason`)
})

t.test('who compares secrets of callers does it on bytes of one length', async t => {
  for (const file of ['src/protocols/http/caller.ts', 'src/protocols/http/oauth2-client.ts']) {
    t.match(readFileSync(file, 'utf8'), /isAmong\(/, file)
  }
  t.match(readFileSync('src/protocols/http/secret-block.ts', 'utf8'), /timingSafeEqual\(given, /)
  t.match(readFileSync('src/password/same-bytes.ts', 'utf8'), /timingSafeEqual\(padded/)
})

function isSuspicious(line: string): boolean {
  if (
    [...line.matchAll(/([\w.]+)\.(?:equals|startsWith|endsWith|localeCompare)\((?!['"`])/g)].some(isOfSecret)
  )
    return true
  return [...line.matchAll(/([\w.?\]'"`]+)\s*[!=]==?\s*(['"`]?[\w.'"`-]*)/g)].some(
    ([all, left = '', right = '']) =>
      !all.startsWith('=') &&
      !plain.test(left) &&
      !plain.test(right) &&
      !line.includes(`typeof ${left}`) &&
      [left, right].some(side => secret.test(side)),
  )
}

function isOfSecret([, name = '']: RegExpMatchArray): boolean {
  return secret.test(name)
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => join(entry.parentPath, entry.name))
}

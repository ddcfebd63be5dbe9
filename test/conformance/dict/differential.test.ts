// The same lines to Dovecot's own dict server (2.3.19.1) and to ours: the same answers, but for what is named below.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Auth } from '../../../src/auth/auth.js'
import { defaultPasswordSettings } from '../../../src/password/password-settings.js'
import { openDictListener } from '../../../src/protocols/dict/dict-server.js'
import { needs } from '../../system/parts.js'
import { startDovecotDict } from './dovecot-dict.js'
import { authWith } from './session.js'

const users = ['alice', 'bob', 'anna@example.org', 'käthe', 'with space', 'per%cent', 'a"b\\c']
const passwordOf = (user: string) => `{PLAIN}pw of ${user}`
const fields = { proxy: 'y', host: 'backend1.example.com' }
const mail = { uid: '5000', gid: '5000', home: '/srv/mail/ä "x"' }

/** What ours has, written down for Dovecot's. */
const pairs = Object.fromEntries(
  users.flatMap(user => [
    [`shared/passdb/${user}`, JSON.stringify({ password: passwordOf(user), ...fields })],
    [`shared/userdb/${user}`, JSON.stringify(mail)],
  ]),
)

const auth: Auth = authWith({
  lookupPassdb: async ({ user }) => {
    if (!users.includes(user)) return { result: 'user_unknown', user, fields: new Map(), trace: [] }
    const credentials = { stored: passwordOf(user) }
    return { result: 'ok', user, fields: new Map(Object.entries(fields)), credentials, trace: [] }
  },
  lookupUserdb: async ({ user }) =>
    users.includes(user)
      ? { result: 'ok', user, fields: new Map(Object.entries(mail)) }
      : { result: 'user_unknown', user, fields: new Map() },
  async *listUsers() {
    yield* users
  },
})

const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const below = (limit: number) => Math.floor(Math.random() * limit)
const one = <T>(all: readonly T[]): T => all[below(all.length)] as T

/** One well-formed command, and whether an answer follows. */
const commands: readonly (() => string)[] = [
  () => lookup('passdb', one(users)),
  () => lookup('passdb', one(users)),
  () => lookup('userdb', one(users)),
  () => lookup('passdb', one(['nobody', 'Alice', 'alice ', 'al'])),
  () => lookup('userdb', one(['nobody', 'ALICE', 'bob@example.org'])),
  // No values: ours has none for a list, since nobody reads them.
  () => `I${one([8, 9, 40])}\t${one([0, 0, 1, 3, 100])}\tshared/userdb/\t*\n`,
  () => 'B7\tanna\nS7\tshared/k\tv\x01tw\nR7\n',
  () => 'B8\tanna\nT8\t1795471436\t5\nU8\tshared/k\nA8\tshared/n\t5\nR8\n',
]

function lookup(database: string, user: string): string {
  return latin1(`Lshared/${database}/${user}\t${user}\n`)
}

const AT_ONCE = 10

/** Lines after which a connection ends, alone or behind a question. */
const broken = ['X1\n', '\n', 'L\n', 'I0\t0\n', 'Ix\t0\tshared/userdb/\tu\n', 'H3\t2\t0\t\tusers\n', 'Cx\n']
const badGreetings = [
  ...['H1\t0\t0\t\tNAME\n', 'H5\t0\t0\t\tNAME\n', 'H3\t0\t2\t\tNAME\n', 'H3\t0\t0\t\n', 'H3\n', '\n'],
  'Lshared/passdb/alice\talice\n',
]

t.test('the answers are those of Dovecot’s dict server', { timeout: 60_000 }, async t => {
  if (!needs(t, 'dovecot-2.3')) return
  const folder = mkdtempSync(join(tmpdir(), 'homing-dict-'))
  const theirs = await startDovecotDict(pairs)
  const ours = await openDictListener({
    services: { auth, reportBug: (_where: string, error: unknown) => t.fail(String(error)) } as never,
    path: join(folder, 'dict.sock'),
    policy: defaultPasswordSettings,
    mode: '0600',
    warn: () => {},
  })
  t.teardown(async () => {
    await ours.close(100)
    await theirs.stop()
    rmSync(folder, { recursive: true })
  })
  const compare = async (t: Pick<typeof import('tap'), 'same'>, lines: string) => {
    const [expected, answered] = await Promise.all([
      ask(theirs.socket, lines.replaceAll('NAME', theirs.name)),
      ask(ours.path, lines.replaceAll('NAME', 'homing')),
    ])
    // Which rows make a list that is cut short is nobody's promise.
    const isCut = /^I\d+\t[1-9]/m.test(lines)
    const shown = (all: readonly string[]) =>
      isCut ? all.map(line => line.replace(/^((?:\+\d+\t)?O)[^\t]+\t$/, '$1ROW\t')) : all
    t.same(shown(answered), shown(expected), JSON.stringify(lines))
  }

  for (const hello of ['H3\t0\t0\t\tNAME\n', 'H3\t2\t0\t\tNAME\n', 'H3\t2\t1\t\tNAME\n']) {
    await t.test(`two hundred dialogues after ${JSON.stringify(hello)}`, async t => {
      const dialogue = () => Array.from({ length: 1 + below(8) }, () => one(commands)()).join('')
      for (let count = 0; count < 200; count += AT_ONCE) {
        await Promise.all(Array.from({ length: AT_ONCE }, () => compare(t, hello + dialogue())))
      }
    })
    await t.test(`what ends a connection after ${JSON.stringify(hello)}`, async t => {
      for (const line of broken) {
        await compare(t, hello + line)
        await compare(t, hello + lookup('passdb', 'alice') + line + lookup('passdb', 'bob'))
      }
    })
  }
  await t.test('greetings that nobody serves', async t => {
    for (const hello of badGreetings) await compare(t, hello + lookup('passdb', 'alice'))
  })
})

/**
 * Sends the lines, ends its side, and gives back what comes until the server ends too: times replaced, and where a
 * command has several rows they are sorted, as their order means nothing.
 */
function ask(path: string, lines: string): Promise<readonly string[]> {
  return new Promise(resolve => {
    let received = ''
    const socket = connect({ path, allowHalfOpen: true })
    socket.setEncoding('latin1')
    socket.on('data', bytes => {
      received += bytes
    })
    // Dovecot's server drops what it has not answered when its client ends: wait for silence first.
    socket.setTimeout(60, () => socket.end())
    socket.on('error', () => {})
    socket.on('close', () => resolve(canonical(received)))
    socket.write(lines, 'latin1')
  })
}

function canonical(received: string): readonly string[] {
  const lines = received.replace(/\t\d+\t\d+\t\d+\t\d+$/gm, '\tT').split('\n')
  if (lines.some(line => line.startsWith('*'))) return lines.sort()
  const blocks: string[] = []
  let rows: string[] = []
  for (const line of lines) {
    if (/^O[^\t]+\t/.test(line)) rows.push(line)
    else {
      blocks.push(...rows.sort(), line)
      rows = []
    }
  }
  return blocks
}

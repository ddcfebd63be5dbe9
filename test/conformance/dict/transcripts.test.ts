// Dialogues with Dovecot's clients, line by line.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Auth } from '../../../src/auth/auth.js'
import { matchesWildcard } from '../../../src/model/wildcard.js'
import { authWith, talk } from './session.js'

const folder = join(import.meta.dirname, '../../../../test/conformance/dict')

const mail = { uid: '5000', gid: '5000', home: '/srv/mail/alice' }
const fields = (values: Record<string, string>) => new Map(Object.entries(values))

const auth: Auth = authWith({
  lookupPassdb: async ({ user }) => {
    const answer = { user, fields: fields({}), trace: [] }
    if (user === 'alice') {
      const credentials = { stored: '{PLAIN}alicepw' }
      return { ...answer, result: 'ok', credentials, fields: fields({ nodelay: 'y' }) }
    }
    if (user === 'proxied') {
      const route = { proxy: 'y', host: 'backend1.example.com', nopassword: 'y' }
      return { ...answer, result: 'ok', fields: fields(route) }
    }
    return { ...answer, result: user === 'trouble' ? 'internal_failure' : 'user_unknown' }
  },
  lookupUserdb: async ({ user }) => {
    if (user === 'alice') return { result: 'ok', user, fields: fields(mail) }
    return { result: user === 'trouble' ? 'internal_failure' : 'user_unknown', user, fields: fields({}) }
  },
  async *listUsers(mask) {
    for (const user of ['alice', 'bob']) if (matchesWildcard(mask, user)) yield user
  },
})

for (const file of readdirSync(folder).filter(name => name.endsWith('.transcript'))) {
  t.test(file, async t => {
    const [, ...dialogues] = readFileSync(join(folder, file), 'utf8').split(/^## /m)
    for (const dialogue of dialogues) await replay(t, dialogue)
  })
}

async function replay(t: Tap, dialogue: string): Promise<void> {
  const [title = '', ...lines] = dialogue.split('\n')
  const said = (who: string) =>
    lines.filter(line => line.startsWith(who)).map(line => line.slice(who.length).replaceAll('\\x01', '\x01'))
  const expected = said('S: ')
  const talking = talk(auth)
  talking.take(...said('C: '))
  const answers = (await talking.answered()).split('\n').slice(0, -1)
  if (talking.ended() !== undefined) answers.push('(end)')
  t.same(answers, expected, title)
  t.same(talking.bugs, [])
}

type Tap = Pick<typeof t, 'same'>

// John, JOHN and john are one user: to the lookup, the cache, the limits, the audit and the login events alike. Or else whoever
// guesses would have as many tries as there are ways to write a name.

import t from 'tap'
import { cacheKey } from '../../src/cache/cache-key.js'
import { createUsernameRules } from '../../src/model/username.js'
import { loginOf } from '../../src/policy/attempt.js'
import { chance } from '../unit/cache/random.js'
import { openEveryDoor } from './every-door.js'

const usual = {
  auth_username_format: '%Lu',
  auth_default_realm: '',
  auth_username_chars: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@',
  auth_username_translation: '',
}

t.test('names that differ in case are one, and all others are two or none', async t => {
  const random = chance(7)
  const source = { kind: 'P' as const, name: 'users' }
  const keyOf = (user: string) =>
    JSON.stringify(cacheKey(source, { user, originalUser: user, protocol: 'imap', secured: 'tls' }, []))
  for (const characters of [usual.auth_username_chars, '']) {
    const rules = createUsernameRules({ ...usual, auth_username_chars: characters })
    const letters = [
      'j',
      'o',
      'h',
      'n',
      '.',
      '@',
      '-',
      'K',
      'I',
      'ß',
      'ﬁ',
      'é',
      'e\u0301',
      'ı',
      'İ',
      'K',
      'ｊ',
      '\u200b',
    ]
    let names = 0
    for (let i = 0; i < 20_000; i++) {
      const name = Array.from({ length: 1 + random.below(8) }, () => random.oneOf(letters)).join('')
      const other = [...name].map(c => (random.below(2) ? upper(c) : lower(c))).join('')
      const [one, two] = [rules.normalise(name), rules.normalise(other)]
      if ('refused' in one || 'refused' in two) {
        if ('refused' in one !== 'refused' in two) t.fail(`one of ${name} and ${other} is refused`)
        continue
      }
      names++
      if (one.user !== two.user) t.fail(`${name} and ${other} are two users`)
      if (loginOf(one.user) !== loginOf(two.user)) t.fail(`${name} and ${other} have two limits`)
      if (keyOf(one.user) !== keyOf(two.user)) t.fail(`${name} and ${other} have two entries in the cache`)
      if (rules.normaliseStored(name) !== one.user) t.fail(`${name} is stored as somebody else`)
    }
    t.ok(names > 500, `${names} names`)
  }
  const rules = createUsernameRules({ ...usual, auth_username_chars: '' })
  const nameOf = (name: string) => JSON.stringify(rules.normalise(name))
  const lookalikes = [
    ['é', 'e\u0301'],
    ['k', '\u212a'],
    ['i', 'ı'],
    ['ss', 'ß'],
    ['fi', 'ﬁ'],
    ['j', 'ｊ'],
    ['john', 'john.'],
    ['john', 'john '],
    ['john', 'jo\u200bhn'],
    ['john@x', 'john＠x'],
  ]
  for (const [a = '', b = ''] of lookalikes) t.not(nameOf(a), nameOf(b), `${a} is not ${b}`)
})

t.test('at a running service', async t => {
  const { ask, verify, rows } = await openEveryDoor(
    t,
    [
      'policy_check = true',
      'policy_user_passwords_tarpit = 0',
      'policy_user_failures_tarpit = 0',
      'policy_user_passwords_reject = 6',
      'login_events = "all"',
      'auth_cache_size = "1M"',
    ].join('\n'),
  )
  await ask('POST', 'local-users', { user: 'JOHN@example.org', clear_password: 'right' })
  const spellings = ['john@example.org', 'John@Example.org', 'JOHN@EXAMPLE.ORG', 'jOHN@example.org']
  for (const spelling of spellings) {
    const { body } = await verify(Buffer.from(spelling), 'right')
    t.match(body, { result: 'ok', user: 'john@example.org' })
  }
  const { copies } = (await ask('GET', 'cache')).body
  // The change of a moment ago may drop the entry once, when this copy hears of it.
  const [{ stats }] = copies as [{ stats: { hits: number } }]
  t.ok(stats.hits >= spellings.length - 2, `one entry in the cache: ${stats.hits} hits`)

  const refused: number[] = []
  for (let n = 0; n < 12; n++) {
    const { body } = await verify(Buffer.from(spellings[n % 4] ?? ''), `guess ${n}`)
    const { reason = '' } = body as { reason?: string }
    if (/refused|denied|too many|policy/i.test(reason)) refused.push(n)
  }
  t.ok(refused.length >= 4, `all spellings share their tries: refused were ${refused}`)
  await ask('POST', 'lists/block', { login: 'JoHn@example.org' })
  for (const spelling of spellings) {
    const { body } = await verify(Buffer.from(spelling), 'right')
    t.not((body as { result: string }).result, 'ok', `${spelling} is blocked`)
  }
  await new Promise(resolve => setTimeout(resolve, 1500))
  const name = { username: 'john@example.org' }
  t.same(await rows('select distinct username from homing_login_events'), [name])
  t.same(await rows("select distinct username from homing_audit where account_table = 'local_users'"), [name])
})

function upper(c: string): string {
  return /^[a-z]$/.test(c) ? c.toUpperCase() : c
}

function lower(c: string): string {
  return /^[A-Z]$/.test(c) ? c.toLowerCase() : c
}

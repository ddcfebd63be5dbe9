// One entry for each question that can have another answer, and never one for two of them.

import t from 'tap'
import { type CacheSource, cacheKey } from '../../../src/cache/cache-key.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import type { CacheKeyPart } from '../../../src/model/passdb.js'
import { type Chance, chance } from './random.js'

const PAIRS = 200_000

const optional: readonly CacheKeyPart[] = [
  'requestedLoginUser',
  'remoteIp',
  'localIp',
  'clientId',
  'mechanism',
]
const parts: readonly CacheKeyPart[] = ['protocol', 'originalUser', ...optional]

interface Question {
  readonly source: CacheSource
  readonly request: AuthRequest
}

/** Short texts of the characters that a key is made of: where a collision would be, if there were one. */
function randomText({ below, oneOf }: Chance): string {
  return Array.from({ length: below(5) }, () => oneOf(['1', '2', ':', '-', 'a', '\t', 'é', '😀'])).join('')
}

function randomQuestion(random: Chance): Question {
  const text = () => randomText(random)
  const maybe = (name: string) => (random.below(2) === 0 ? {} : { [name]: text() })
  return {
    source: { kind: random.oneOf(['P', 'U']), name: text() },
    request: {
      user: text(),
      originalUser: text(),
      protocol: text(),
      secured: 'tls',
      ...maybe('masterUser'),
      ...Object.assign({}, ...optional.map(maybe)),
    },
  }
}

/** Everything that counts, in a form that cannot collide. */
function identity({ source, request }: Question): string {
  return JSON.stringify([
    source,
    request.user,
    request.masterUser ?? null,
    parts.map(part => request[part] ?? null),
  ])
}

const textOf = (...question: Parameters<typeof cacheKey>) => {
  const { user, rest } = cacheKey(...question)
  return JSON.stringify([user, rest])
}
const keyOf = ({ source, request }: Question) => textOf(source, request, parts)

t.test(
  `different questions have different keys (${PAIRS} random ones, of texts made to collide)`,
  async t => {
    const random = chance(4)
    const known = new Map<string, string>()
    let collisions = 0
    for (let i = 0; i < PAIRS; i++) {
      const question = randomQuestion(random)
      const before = known.get(keyOf(question))
      if (before !== undefined && before !== identity(question)) collisions++
      known.set(keyOf(question), identity(question))
    }
    t.equal(collisions, 0)
    t.ok(known.size > PAIRS / 2)
  },
)

t.test('any single difference that counts makes another key', async t => {
  const random = chance(5)
  let missed = 0
  for (let i = 0; i < 20_000; i++) {
    const question = randomQuestion(random)
    const key = keyOf(question)
    for (const part of ['user', 'masterUser', ...parts] as const) {
      for (const value of [`${question.request[part] ?? ''}1`, undefined]) {
        if (value === question.request[part]) continue
        const other = { ...question, request: { ...question.request, [part]: value } as AuthRequest }
        if (value !== undefined || !['user', 'protocol', 'originalUser'].includes(part)) {
          if (keyOf(other) === key) missed++
        }
      }
    }
  }
  t.equal(missed, 0)
})

t.test('what an answer does not depend on makes no other key', async t => {
  const request: AuthRequest = { user: 'anna', originalUser: 'Anna', protocol: 'imap', secured: 'tls' }
  const source = { kind: 'P', name: 'local' } as const
  t.equal(textOf(source, request, []), textOf(source, { ...request, protocol: 'pop3', remoteIp: '::1' }, []))
  t.not(textOf(source, request, ['protocol']), textOf(source, { ...request, protocol: 'pop3' }, ['protocol']))
})

t.test('a master user in another mailbox and his own login are two', async t => {
  const own: AuthRequest = { user: 'admin', originalUser: 'admin', protocol: 'imap', secured: 'tls' }
  const source = { kind: 'P', name: 'local' } as const
  const asAnna = { ...own, user: 'anna', masterUser: 'admin' }
  t.equal(new Set([own, asAnna, { ...own, user: 'anna' }].map(r => textOf(source, r, []))).size, 3)
})

// Where no Dovecot is installed: the engine still says what it said when both Dovecots were asked and agreed.

import { createHash } from 'node:crypto'
import t from 'tap'
import type { ChainQuestion } from '../../../src/auth/chain-outcome.js'
import {
  type ChainCase,
  masterSample,
  SEED,
  threeLinkSample,
  twoLinkCases,
  twoLinkSample,
  userOf,
} from './matrix.js'
import { loginReply, lookupReply, predict } from './prediction.js'
import { asLine } from './reply-line.js'

/** When a rule changes on purpose: let dovecot-2.3.test.ts and dovecot-2.4.test.ts pass, then write down the new one. */
const proven: readonly (readonly [title: string, digest: string, ChainQuestion, readonly ChainCase[]])[] = [
  ['every login through two links', 'dd66127fdcbe7151', 'verify', twoLinkCases],
  ['logins through three links', 'aef72e74935d8231', 'verify', threeLinkSample(30_000, SEED)],
  ['lookups', '628c38995b7f9dc4', 'lookup', twoLinkSample(20_000, SEED)],
  ['master logins', 'ace3999121c9c84c', 'verify', masterSample(20_000, SEED)],
]

for (const [title, digest, question, cases] of proven) {
  t.test(`${title} end as they did when Dovecot agreed`, async t => {
    const hash = createHash('sha256')
    for (const chain of cases) {
      const outcome = await predict(chain, question)
      const line = asLine(question === 'verify' ? loginReply(outcome) : lookupReply(outcome))
      hash.update(`${userOf(chain)} ${line}\n`)
    }
    t.equal(hash.digest('hex').slice(0, 16), digest)
  })
}

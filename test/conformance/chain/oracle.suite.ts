// The same chains through our engine and through a real Dovecot.

import type { Test } from 'tap'
import type { ChainQuestion } from '../../../src/auth/chain-outcome.js'
import { askLogins, askLookups, type Reply } from './auth-socket.js'
import { type DovecotAuth, type Installation, startDovecotAuth } from './dovecot-auth.js'
import { exceptions } from './exceptions.js'
import {
  type ChainCase,
  describe,
  masterSample,
  matrixBlocks,
  SEED,
  threeLinkSample,
  twoLinkCases,
  twoLinkSample,
  userOf,
} from './matrix.js'
import { type DovecotVersion, dovecotConfig } from './passdb-block.js'
import { loginReply, lookupReply, predict } from './prediction.js'
import { asLine } from './reply-line.js'

/** `whole`: all chains of two links, which takes ten seconds; otherwise a sample of them. */
export async function matrixSuite(t: Test, installation: Installation, whole: boolean): Promise<void> {
  const { version } = installation
  const used = new Set<string>()
  const { config, files } = dovecotConfig(version, matrixBlocks)
  const dovecot = await startDovecotAuth(installation, {
    config: `auth_master_user_separator = *\n${config}`,
    files,
  })
  t.teardown(() => dovecot.stop())

  const agree = async (t: Test, cases: readonly ChainCase[], question: ChainQuestion) => {
    const replies = await askAll(dovecot, cases, question)
    const differences: object[] = []
    for (const [index, chain] of cases.entries()) {
      const expected = await expectedReply(version, chain, question, used)
      const dovecot = asLine(replies[index] as Reply)
      if (expected !== dovecot) differences.push({ chain: describe(chain), expected, dovecot })
    }
    t.equal(replies.length, cases.length)
    t.same(differences.slice(0, 10), [], `${differences.length} of ${cases.length} chains differ`)
  }

  const twoLinks = whole ? twoLinkCases : twoLinkSample(40_000, SEED)
  await t.test('a login through two links ends as in Dovecot', t => agree(t, twoLinks, 'verify'))
  await t.test('a login through three links does', t => agree(t, threeLinkSample(30_000, SEED), 'verify'))
  await t.test('a lookup does', t =>
    agree(t, [...twoLinkSample(20_000, SEED), ...threeLinkSample(10_000, SEED)], 'lookup'),
  )
  await t.test('a master login through two masters and two links does', t =>
    agree(t, masterSample(20_000, SEED), 'verify'),
  )
  await t.test('each exception was needed', async t => {
    const here = exceptions.filter(({ versions }) => versions.includes(version))
    t.same([...used].sort(), here.map(({ name }) => name).sort())
  })
}

function askAll(
  dovecot: DovecotAuth,
  cases: readonly ChainCase[],
  question: ChainQuestion,
): Promise<Reply[]> {
  const logins = cases.map(chain => ({ user: userOf(chain) }))
  return question === 'verify'
    ? askLogins(dovecot.clientSocket, logins)
    : askLookups(dovecot.lookupSocket, logins)
}

/** Our reply, changed where an exception says so. */
async function expectedReply(
  version: DovecotVersion,
  chain: ChainCase,
  question: ChainQuestion,
  used: Set<string>,
): Promise<string> {
  const outcome = await predict(chain, question)
  const ours = question === 'verify' ? loginReply(outcome) : lookupReply(outcome)
  const applying = exceptions.filter(
    exception =>
      exception.versions.includes(version) && exception.question === question && exception.applies(outcome),
  )
  for (const { name } of applying) used.add(name)
  return asLine(applying.reduce((reply, exception) => exception.dovecot(reply, version), ours))
}

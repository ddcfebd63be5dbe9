// What our engine makes of a case, put as Dovecot would say it on the wire.

import type { ChainOutcome, ChainQuestion } from '../../../src/auth/chain-outcome.js'
import type { ChainedPassdb } from '../../../src/auth/chained-passdb.js'
import { type Ask, type PassdbChain, walkChain, walkMasters } from '../../../src/auth/passdb-chain.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import type { ExtraFields } from '../../../src/model/extra-fields.js'
import type { PassdbReply } from '../../../src/model/passdb.js'
import type { Reply } from './auth-socket.js'
import { type AnswerLetter, answers, type ChainCase, loginName, masterName } from './matrix.js'
import { type Block, linkOf } from './passdb-block.js'

const links = new Map<Block, ChainedPassdb>()

/** The links of a case are not sorted by createChain: a filtered block is not the first of Dovecot's configuration. */
function chainOf(chain: ChainCase): PassdbChain {
  const cached = (block: Block) => {
    const link = links.get(block) ?? linkOf(block)
    links.set(block, link)
    return link
  }
  return {
    masters: chain.masters.map(({ block }) => cached(block)),
    links: chain.links.map(({ block }) => cached(block)),
  }
}

export async function predict(chain: ChainCase, question: ChainQuestion): Promise<ChainOutcome> {
  const said = new Map([...chain.masters, ...chain.links].map(({ block, answer }) => [block.name, answer]))
  const ask: Ask = (link, _, passwordVerified) => ({
    reply: replyOf(said.get(link.name) ?? 'i', link, passwordVerified, question),
    cache: 'none',
    ms: 0,
  })
  const login = loginName(chain)
  if (chain.masters.length === 0) return walkChain(chainOf(chain), requestFor(login, question), ask, question)
  const request = { ...requestFor(masterName(chain), question), requestedLoginUser: login }
  return walkMasters(chainOf(chain), request, ask)
}

export function requestFor(user: string, question: ChainQuestion): AuthRequest {
  const request: AuthRequest = { user, originalUser: user, protocol: 'imap', secured: 'secured' }
  return question === 'verify' ? { ...request, mechanism: 'PLAIN' } : request
}

/** The answer that the letter stands for, as the link's script in matrix.ts gives it. */
function replyOf(
  letter: AnswerLetter,
  link: ChainedPassdb,
  passwordVerified: boolean,
  question: ChainQuestion,
): PassdbReply {
  const result = answers[letter]
  // A deny link refuses whom it finds, whatever its fields say about them.
  if (result === 'failed by a field' && !link.deny) return { result: 'user_unknown' }
  if (result !== 'ok' && result !== 'next' && result !== 'failed by a field') return { result }
  const fields = new Map([
    ['by', link.name.slice(0, 1)],
    [link.name.slice(0, 1), passwordVerified ? 'v' : 'u'],
  ])
  if (result === 'next') fields.set('noauthenticate', 'y')
  if (result === 'next' || question === 'lookup') fields.set('nopassword', 'y')
  return { result: result === 'next' ? 'next' : 'ok', fields }
}

const codes: Readonly<Record<string, string>> = {
  internal_failure: 'temp_fail',
  user_disabled: 'user_disabled',
  pass_expired: 'pass_expired',
}

/** auth-request-handler.c:auth_request_handler_reply_failure_finish, 2.3.19. */
export function loginReply({ result, request, fields }: ChainOutcome): Reply {
  const code =
    request.masterUser !== undefined && result !== 'internal_failure' ? 'authz_fail' : codes[result]
  return {
    word: result === 'ok' ? 'OK' : 'FAIL',
    fields: new Map([
      ['user', request.user],
      ...(result !== 'ok' && code ? [['code', code] as const] : []),
      ...(request.user !== request.originalUser ? [['original_user', request.originalUser] as const] : []),
      ...(request.masterUser !== undefined ? [['auth_user', request.masterUser] as const] : []),
      ...withoutUserdb(fields),
    ]),
  }
}

/** Dovecot keeps them for the user database. */
function withoutUserdb(fields: ExtraFields): ExtraFields {
  return new Map([...fields].filter(([name]) => !name.startsWith('userdb_')))
}

const lookupWords: Readonly<Record<string, string>> = {
  ok: 'PASS',
  user_unknown: 'NOTFOUND',
  user_disabled: 'NOTFOUND',
  pass_expired: 'NOTFOUND',
}

/** auth-master-connection.c:pass_callback_finish, 2.3.19: only a found user has fields. */
export function lookupReply({ result, request, fields }: ChainOutcome): Reply {
  const word = lookupWords[result] ?? 'FAIL'
  if (word === 'PASS') return { word, fields: new Map([['user', request.user], ...withoutUserdb(fields)]) }
  const noScheme = result === 'scheme_not_available'
  return {
    word,
    fields: new Map(noScheme ? [['reason', `Configured passdbs don't support credentials lookups`]] : []),
  }
}

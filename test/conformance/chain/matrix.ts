// Every chain of two links, and any chain of three: as links for our engine, as passdb blocks for Dovecot, and
// as a user name that picks the blocks and says what each of them shall answer.
//
// Dovecot gets every kind of link once for each place in the chain. A block's username_filter looks for its own
// number in the user name, so `a07-b12-of@x` walks block 7 of place a, then block 12 of place b; `of` is what they say.

import { resultRules, skips } from '../../../src/auth/chained-passdb.js'
import type { Block } from './passdb-block.js'

/** What a link can come to: Dovecot's eight results, and an ok that one of its own fields (`fail`) undoes. */
export const answers = {
  o: 'ok',
  n: 'next',
  m: 'password_mismatch',
  u: 'user_unknown',
  d: 'user_disabled',
  x: 'pass_expired',
  s: 'scheme_not_available',
  i: 'internal_failure',
  f: 'failed by a field',
} as const

export type AnswerLetter = keyof typeof answers

const answerLetters = Object.keys(answers) as AnswerLetter[]

/** A link and what it says. */
export interface CaseLink {
  readonly block: Block
  readonly answer: AnswerLetter
}

/** For a master login the links of the master's name come first. */
export interface ChainCase {
  readonly masters: readonly CaseLink[]
  readonly links: readonly CaseLink[]
}

/** All of one place's blocks come before the next place's. */
const blocks: readonly Block[] = [
  ...['m', 'n'].flatMap((place, index) => blocksOf(place, index, true)),
  ...['a', 'b', 'c'].flatMap((place, index) => blocksOf(place, index, false)),
]

/** Ends the configuration, because 2.4 wants no `continue` at its end, and is asked by nobody. */
const lastBlock: Block = { name: 'last', usernameFilter: 'nobody', lua: script('z', 1) }

export const matrixBlocks: readonly Block[] = [...blocks, lastBlock]

export const twoLinkCases: readonly ChainCase[] = linksAt('a').flatMap(first =>
  linksAt('b').map(second => ({ masters: [], links: [first, second] })),
)

/** Of all samples. */
export const SEED = 20220530

/** So many different chains of two links, always the same ones for the same seed. */
export function twoLinkSample(count: number, seed: number): readonly ChainCase[] {
  return sample(count, seed, ['a', 'b'])
}

/** The same of three links. */
export function threeLinkSample(count: number, seed: number): readonly ChainCase[] {
  return sample(count, seed, ['a', 'b', 'c'])
}

/** Master logins through two master links and two normal ones. */
export function masterSample(count: number, seed: number): readonly ChainCase[] {
  return sample(count, seed, ['m', 'n', 'a', 'b'])
}

/** The name that makes Dovecot walk this chain: `user`, or `user*master`. */
export function userOf(chain: ChainCase): string {
  return chain.masters.length === 0 ? loginName(chain) : `${loginName(chain)}*${masterName(chain)}`
}

/** The name that picks the normal links and tells them their answers. */
export function loginName({ links }: ChainCase): string {
  return nameOf(links, links)
}

/** It picks the normal links too: 2.4.1 tries their filters on the master's name to see if anybody is left to ask. */
export function masterName({ masters, links }: ChainCase): string {
  return nameOf([...masters, ...links], masters)
}

function nameOf(picked: readonly CaseLink[], told: readonly CaseLink[]): string {
  return `${picked.map(({ block }) => `${block.name}-`).join('')}${told.map(({ answer }) => answer).join('')}@x`
}

export function describe(chain: ChainCase): string {
  const links = [...chain.masters, ...chain.links].map(({ block, answer }) => {
    const { skip, success, deny, master } = block
    const words = [success, deny && 'deny', master && 'master', skip !== 'never' && `skip=${skip}`]
    return `${answers[answer]} under ${words.filter(Boolean).join(', ')}`
  })
  return `${userOf(chain)}: ${links.join(' → ')}`
}

/** Never skipped first: Dovecot drops a leading skip=unauthenticated from the whole configuration. */
function blocksOf(place: string, index: number, master: boolean): readonly Block[] {
  const kinds = skips.flatMap(skip =>
    (master ? [false] : [false, true]).flatMap(deny => resultRules.map(rule => ({ skip, rule, deny }))),
  )
  return kinds.map(({ skip, rule, deny }, kind) => {
    const name = place + String(kind).padStart(2, '0')
    return {
      ...{ name, skip, deny, master, success: rule, failure: rule, internalfail: rule },
      usernameFilter: `*${name}-*`,
      lua: script(place, index + 1),
    }
  })
}

function linksAt(place: string): readonly CaseLink[] {
  return blocks
    .filter(({ name }) => name.startsWith(place))
    .flatMap(block => answerLetters.map(answer => ({ block, answer })))
}

function sample(count: number, seed: number, places: readonly string[]): readonly ChainCase[] {
  const random = mulberry32(seed)
  const choices = places.map(linksAt)
  const chosen = new Map<string, ChainCase>()
  while (chosen.size < count) {
    const all = choices.map(links => links[Math.floor(random() * links.length)] as CaseLink)
    const chain = {
      masters: all.filter(({ block }) => block.master),
      links: all.filter(({ block }) => !block.master),
    }
    chosen.set(userOf(chain), chain)
  }
  return [...chosen.values()]
}

/** Place a sets `by` and `a`, and so on; `a` is `v` if Dovecot said that the password is verified already. */
function script(place: string, letter: number): string {
  return `
local results = {
  m = dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH,
  u = dovecot.auth.PASSDB_RESULT_USER_UNKNOWN,
  d = dovecot.auth.PASSDB_RESULT_USER_DISABLED,
  x = dovecot.auth.PASSDB_RESULT_PASS_EXPIRED,
  s = dovecot.auth.PASSDB_RESULT_SCHEME_NOT_AVAILABLE,
  i = dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE,
}
local extra = { o = "", n = " noauthenticate=y", f = " fail=y" }
local function answer(req, more)
  local letter = req.user:match("(%a+)@"):sub(${letter}, ${letter})
  if results[letter] then return results[letter], "" end
  local seen = req.skip_password_check and "v" or "u"
  return dovecot.auth.PASSDB_RESULT_OK, say("by=${place} ${place}=" .. seen .. extra[letter] .. more)
end
function auth_password_verify(req, password) return answer(req, "") end
function auth_passdb_lookup(req) return answer(req, " nopassword=y") end
`
}

/** A small seeded generator (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

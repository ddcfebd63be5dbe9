// The scenarios through our engine and through a real Dovecot.

import type { Test } from 'tap'
import { type Ask, type Asked, createChain, walkChain, walkMasters } from '../../../src/auth/passdb-chain.js'
import type { PassdbReply } from '../../../src/model/passdb.js'
import { askCramMd5, askLogins, askLookups } from './auth-socket.js'
import { type DovecotAuth, type Installation, startDovecotAuth } from './dovecot-auth.js'
import { type Block, dovecotConfig, linkOf } from './passdb-block.js'
import { loginReply, lookupReply, requestFor } from './prediction.js'
import { asLine } from './reply-line.js'
import { type Scenario, type ScenarioLink, scenarios } from './scenarios.js'

/** A scenario with an id, which its user names begin with and which its blocks look for. */
interface Numbered {
  readonly id: string
  readonly scenario: Scenario
  readonly blocks: readonly Block[]
}

export async function scenarioSuite(t: Test, installation: Installation): Promise<void> {
  const { version } = installation
  const here = scenarios
    .map(numbered)
    .filter(({ scenario }) => scenario.only === undefined || scenario.only === version)
  const together = here.filter(({ scenario }) => !scenario.alone)
  const groups = [together, ...here.filter(({ scenario }) => scenario.alone).map(one => [one])]
  const answers = await Promise.all(groups.map(group => askDovecot(installation, group)))
  for (const [one, said] of answers.flat()) {
    const { scenario } = one
    await t.test(scenario.title, async t => {
      const ours = await askUs(one)
      const differs = scenario.differs?.[version]
      t.equal(said, differs ?? ours, scenario.differs?.reason ?? 'as in Dovecot')
      if (differs !== undefined) t.not(said, ours, 'the exception is needed')
    })
  }
}

function numbered(template: Scenario, index: number): Numbered {
  const id = `s${index}`
  const scenario = JSON.parse(JSON.stringify(template).replaceAll('ID', id)) as Scenario
  const mine = scenario.alone ? undefined : `*${id}-*`
  const blocks = scenario.links.map((link, place) => {
    const usernameFilter = [link.usernameFilter, mine].filter(Boolean).join(' ')
    const block = { ...link, name: `${id}n${place}`, lua: script(link, place) }
    return usernameFilter ? { ...block, usernameFilter } : block
  })
  return { id, scenario, blocks }
}

function script({ says }: ScenarioLink, place: number): string {
  const [result = '', ...fields] = says.split(' ')
  const answer = (more: readonly string[]) =>
    result === 'ok'
      ? `dovecot.auth.PASSDB_RESULT_OK, say("${[...more, ...fields, `at${place}=`].join(' ')}" .. req.user)`
      : `dovecot.auth.PASSDB_RESULT_${result.toUpperCase()}, ""`
  const more = says.includes('password=') ? [] : ['nopassword=y']
  return `
function auth_password_verify(req, password) return ${answer([])} end
function auth_passdb_lookup(req) return ${answer(more)} end
`
}

/** Ends the configuration, because 2.4 wants no `continue` at its end, and is asked by nobody. */
const lastBlock: Block = { name: 'last', usernameFilter: 'nobody', lua: script({ says: 'user_unknown' }, 0) }

async function askDovecot(
  installation: Installation,
  group: readonly Numbered[],
): Promise<[Numbered, string][]> {
  const blocks = [...group.flatMap(({ blocks }) => blocks), lastBlock]
  const { config, files } = dovecotConfig(installation.version, blocks)
  const dovecot = await startDovecotAuth(installation, {
    config: `auth_master_user_separator = *\n${config}`,
    files,
  })
  try {
    const answers = group.map(async one => [one, await lineOf(dovecot, one)] as [Numbered, string])
    return await Promise.all(answers)
  } finally {
    await dovecot.stop()
  }
}

async function lineOf(dovecot: DovecotAuth, { id, scenario }: Numbered): Promise<string> {
  const login = nameOf(id, scenario.user)
  if (scenario.password) {
    const logins = passwords.map(password => ({ user: login, password }))
    const replies = await askCramMd5(dovecot.clientSocket, logins)
    return passwordLine(passwords.filter((_, index) => replies[index]?.word === 'OK'))
  }
  const user = scenario.master === undefined ? login : `${login}*${nameOf(id, scenario.master)}`
  const [reply] =
    scenario.question === 'lookup'
      ? await askLookups(dovecot.lookupSocket, [{ user }])
      : await askLogins(dovecot.clientSocket, [{ user }])
  return reply ? asLine(reply) : 'no answer'
}

const passwords = ['1', '2', '3']

function passwordLine(accepted: readonly string[]): string {
  return `accepts ${accepted.join(', ') || 'no password'}`
}

async function askUs({ id, scenario, blocks }: Numbered): Promise<string> {
  const question = scenario.password ? 'lookup' : (scenario.question ?? 'verify')
  const chain = createChain(blocks.map(linkOf))
  const ask: Ask = (link, request): Asked => {
    const place = blocks.findIndex(({ name }) => name === link.name)
    const says = scenario.links[place]?.says ?? ''
    return { reply: replyOf(says, `at${place}`, request.user, link.deny), cache: 'none', ms: 0 }
  }
  const login = nameOf(id, scenario.user)
  if (scenario.master === undefined) {
    const outcome = await walkChain(chain, requestFor(login, question), ask, question)
    if (scenario.password) return passwordLine(outcome.credentials ? [outcome.credentials.stored] : [])
    return asLine(question === 'verify' ? loginReply(outcome) : lookupReply(outcome))
  }
  const request = { ...requestFor(nameOf(id, scenario.master), question), requestedLoginUser: login }
  return asLine(loginReply(await walkMasters(chain, request, ask)))
}

/** What a link's words mean; `fail` stands for whatever makes the engine fail a lookup. */
function replyOf(says: string, at: string, user: string, deny: boolean): PassdbReply {
  const [result, ...words] = says.split(' ')
  if (result !== 'ok') return { result } as PassdbReply
  const fields = new Map([...words, `${at}=${user}`].map(word => word.split('=') as [string, string]))
  const failed = fields.delete('fail')
  if (fields.has('noauthenticate')) return { result: 'next', fields }
  if (failed && !deny) return { result: 'user_unknown' }
  const stored = fields.get('password')
  fields.delete('password')
  return { result: 'ok', fields, ...(stored === undefined ? {} : { credentials: { stored } }) }
}

function nameOf(id: string, user = 'anna@example.org'): string {
  return `${id}-${user}`
}

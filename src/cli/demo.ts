// The guide's example users, with passwords that work, and how to try them.

import type { AccountFields, AccountTableName } from '../database/accounts.js'
import type { Database } from '../database/open-database.js'
import { Password } from '../model/password.js'
import { withoutPassword } from '../model/url-password.js'
import { createUsernameRules, type UsernameRules, type UsernameSettings } from '../model/username.js'
import { CommandError } from './command.js'
import { exitCode } from './exit-code.js'
import { DEFAULT_SCHEME, hashPassword } from './hash-password.js'

const DEMO_PASSWORD = 'demo'

interface DemoUser<T extends AccountTableName> {
  readonly user: string
  readonly fields: AccountFields[T]
}

const proxied: readonly DemoUser<'proxy_users'>[] = [
  { user: 'user1@domain1.com', fields: { host: 'backend1.example.com', ssl_mode: 'starttls' } },
  { user: 'user2@domain2.com', fields: { host: 'backend2.example.com', ssl_mode: 'ssl' } },
]

const local: readonly DemoUser<'local_users'>[] = [
  { user: 'john@domain1.com', fields: { home: '/var/vmail/domain1.com/john', uid: '5000', gid: '5000' } },
  { user: 'jane@domain2.com', fields: { home: '/var/vmail/domain2.com/jane', uid: '5000', gid: '5000' } },
]

/** The users have a password that everybody knows: any database but the embedded one may be a real one. */
export function refuseDemoElsewhere(databaseUrl: string): void {
  if (databaseUrl.startsWith('sqlite:')) return
  const where = withoutPassword(databaseUrl)
  throw new CommandError(exitCode.usage, `--demo adds users with a known password, and not to ${where}`)
}

/** Adds the example users that are missing; those that are there stay as they are. */
export async function addDemoUsers(database: Database, settings: UsernameSettings): Promise<void> {
  const rules = createUsernameRules(settings)
  await addMissing(database, rules, 'proxy_users', proxied)
  await addMissing(database, rules, 'local_users', local)
}

async function addMissing<T extends AccountTableName>(
  database: Database,
  { normaliseStored }: UsernameRules,
  table: T,
  users: readonly DemoUser<T>[],
): Promise<void> {
  const accounts = database.accounts(table, normaliseStored, 'demo')
  for (const { user, fields } of users) {
    if ((await accounts.show(user)) === 'not_found') {
      await accounts.add(user, { ...fields, password: await demoHash() })
    }
  }
}

let hash: Promise<string> | undefined

/** One hash for all of them: the second start is to be quick, and so is the first. */
function demoHash(): Promise<string> {
  hash ??= hashPassword(DEFAULT_SCHEME, new Password(DEMO_PASSWORD))
  return hash
}

interface Question {
  readonly who: string
  readonly user: string
  readonly answer: { readonly result: string; readonly fields: Readonly<Record<string, string>> }
}

const proxiedAnswer = {
  proxy: 'y',
  host: 'backend1.example.com',
  starttls: 'yes',
  nodelay: 'y',
  proxy_nopipelining: 'y',
}
const localAnswer = { userdb_home: '/var/vmail/domain1.com/john', userdb_uid: '5000', userdb_gid: '5000' }

const questions: readonly Question[] = [
  { who: 'a proxied user', user: 'user1@domain1.com', answer: { result: 'ok', fields: proxiedAnswer } },
  { who: 'a local user', user: 'john@domain1.com', answer: { result: 'ok', fields: localAnswer } },
  { who: 'an unknown user', user: 'nobody@domain1.com', answer: { result: 'user_unknown', fields: {} } },
]

/** Three questions to paste into a shell, each with the answer that the default chain gives. */
export function demoGuide(addresses: readonly string[], apiToken: string, scheme: 'http' | 'https'): string {
  const [address = ''] = addresses
  const lines = questions.flatMap(({ who, user, answer: { result, fields } }) => [
    '',
    `# ${who}; the answer is ${JSON.stringify({ result, user, fields })}`,
    curl(address, apiToken, scheme, JSON.stringify({ user, password: DEMO_PASSWORD })),
  ])
  return ['', `To try it (every password is "${DEMO_PASSWORD}"):`, ...lines, '']
    .map(line => `${line}\n`)
    .join('')
}

function curl(address: string, apiToken: string, scheme: string, body: string): string {
  const unix = address.startsWith('unix:')
  const where = unix
    ? `--unix-socket ${address.slice('unix:'.length)} http://localhost`
    : `${scheme}://${reachable(address)}`
  // The token itself is shown to nobody.
  const token = apiToken === '' ? '' : ` -H "authorization: Bearer $HOMING_API_TOKEN"`
  return `curl -sw '\\n' ${where}/v1/passdb/verify -H 'content-type: application/json'${token} -d '${body}'`
}

/** An address that listens everywhere is reached here by loopback. */
function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')
}

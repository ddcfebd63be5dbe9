// What an operator asks with doveadm, and what he hears: the same through every door and from both versions.

import { mailUser, type RunningDovecot } from './dovecot.js'
import type { Accounts } from './homing.js'

/** What doveadm said, whichever version said it. */
export interface Answer {
  readonly verdict: 'ok' | 'refused' | 'no such user' | 'temporary failure'
  /** Fields of a login or lookup, in alphabetical order; a flag is its name alone. */
  readonly fields?: readonly string[]
  /** The users of a list, in alphabetical order. */
  readonly users?: readonly string[]
}

export interface DoorScenario {
  readonly title: string
  readonly ask: readonly string[]
  readonly answer: Answer
}

export const PASSWORD = 'correct horse battery staple'
const ODD_PASSWORD = 'a b+c&d=e%41;f?/"\\\'{PLAIN}:ünï'
const LONG_PASSWORD = 'x'.repeat(1000)

const proxied = { host: '127.0.0.1', port: 1143, pop3_port: 1110, lmtp_port: 1024 }
const stored = `{PLAIN}${PASSWORD}`

/** Proxied users, local users, and those whom something is wrong with. */
export const accounts: Accounts = {
  proxyUsers: [
    { ...proxied, username: 'proxied@doors.test', password: stored, ssl_mode: 'starttls', destuser: 'there' },
    { ...proxied, username: 'backend-decides@doors.test', ssl_mode: 'none' },
    { ...proxied, username: 'suspended@doors.test', password: stored, ssl_mode: 'none', active: 0 },
    { ...proxied, username: 'broken@doors.test', password: stored, ssl_mode: 'none', host: 'no host' },
  ],
  localUsers: [
    ...['local', 'suspended', 'broken'].map(name => localUser(`${name}@doors.test`, stored)),
    localUser('odd@doors.test', `{PLAIN}${ODD_PASSWORD}`),
    localUser('long@doors.test', `{PLAIN}${LONG_PASSWORD}`),
    localUser('crypted@doors.test', '{SHA512-CRYPT}$6$rounds=9999999999$x$y'),
    { ...localUser('suspended-here@doors.test', stored), active: 0 },
  ],
}

function localUser(username: string, password: string) {
  return { username, password, home: '/srv/mail/somebody', ...mailUser }
}

const everybody = [
  ...(accounts.proxyUsers ?? []).map(({ username }) => username),
  ...(accounts.localUsers ?? []).map(({ username }) => username),
]

const toThere = ['destuser=there', 'host=127.0.0.1', 'nodelay', 'proxy', 'proxy_nopipelining', 'starttls=yes']
const unsecured = ['host=127.0.0.1', 'nodelay', 'proxy', 'proxy_nopipelining']

const ok = (...fields: string[]): Answer => ({ verdict: 'ok', fields: fields.sort() })
const refused: Answer = { verdict: 'refused' }
const nobody: Answer = { verdict: 'no such user' }
const temporary: Answer = { verdict: 'temporary failure' }
const list = (users: readonly string[]): Answer => ({ verdict: 'ok', users: [...new Set(users)].sort() })

/** `-x` for the protocol in both versions' words, and an address. */
const over = (protocol: string) => [
  '-x',
  `service=${protocol}`,
  '-x',
  `protocol=${protocol}`,
  '-x',
  'rip=192.0.2.7',
]
const test = (user: string, password: string, protocol = 'imap') => [
  ...['auth', 'test', ...over(protocol)],
  ...[`${user}@doors.test`, password],
]
const lookup = (user: string, protocol = 'imap') => [
  'auth',
  'lookup',
  ...over(protocol),
  `${user}@doors.test`,
]
const user = (user: string) => ['user', `${user}@doors.test`]

const home = ['gid=5000', 'home=/srv/mail/somebody', 'uid=5000']

export const doorScenarios: readonly DoorScenario[] = [
  {
    title: 'a proxied user, over IMAP',
    ask: test('proxied', PASSWORD),
    answer: ok('user=proxied@doors.test', 'port=1143', ...toThere),
  },
  {
    title: 'a proxied user, over POP3',
    ask: test('proxied', PASSWORD, 'pop3'),
    answer: ok('user=proxied@doors.test', 'port=1110', ...toThere),
  },
  {
    title: 'a proxied user in capitals',
    ask: test('PROXIED', PASSWORD),
    answer: ok('user=proxied@doors.test', 'original_user=PROXIED@doors.test', 'port=1143', ...toThere),
  },
  { title: 'a proxied user with a wrong password', ask: test('proxied', 'wrong'), answer: refused },
  {
    title: 'a proxied user with an empty password',
    ask: test('proxied', ''),
    answer: refused,
  },
  {
    title: 'a proxied user whose backend decides',
    ask: test('backend-decides', 'whatever'),
    answer: ok('user=backend-decides@doors.test', 'port=1143', ...unsecured),
  },
  {
    title: 'a suspended proxied user, who is a local one too',
    ask: test('suspended', PASSWORD),
    answer: refused,
  },
  { title: 'a proxied user who has no proper host', ask: test('broken', PASSWORD), answer: temporary },
  { title: 'a local user', ask: test('local', PASSWORD), answer: ok('user=local@doors.test') },
  { title: 'a local user with a wrong password', ask: test('local', 'wrong'), answer: refused },
  {
    title: 'a local user with an empty password',
    ask: test('local', ''),
    answer: refused,
  },
  { title: 'a suspended local user', ask: test('suspended-here', PASSWORD), answer: refused },
  {
    title: 'a local user with a hash that nobody can read',
    ask: test('crypted', PASSWORD),
    answer: temporary,
  },
  {
    title: 'a password with all that lines, forms and paths escape',
    ask: test('odd', ODD_PASSWORD),
    answer: ok('user=odd@doors.test'),
  },
  { title: 'nearly that password', ask: test('odd', ODD_PASSWORD.replace('+', ' ')), answer: refused },
  {
    title: 'a password of 1,000 bytes',
    ask: test('long', LONG_PASSWORD),
    answer: ok('user=long@doors.test'),
  },
  { title: 'one byte of it less', ask: test('long', LONG_PASSWORD.slice(1)), answer: refused },
  { title: 'nobody', ask: test('nobody', PASSWORD), answer: refused },
  {
    title: 'nobody, with an empty password',
    ask: test('nobody', ''),
    answer: refused,
  },

  {
    title: 'a lookup of a proxied user',
    ask: lookup('proxied'),
    answer: ok('user=proxied@doors.test', 'port=1143', ...toThere),
  },
  {
    title: 'a lookup of a proxied user, over LMTP',
    ask: lookup('proxied', 'lmtp'),
    answer: ok('user=proxied@doors.test', 'port=1024', ...toThere),
  },
  {
    title: 'a lookup of a proxied user whose backend decides',
    ask: lookup('backend-decides'),
    answer: ok('user=backend-decides@doors.test', 'port=1143', ...unsecured),
  },
  { title: 'a lookup of a local user', ask: lookup('local'), answer: ok('user=local@doors.test') },
  { title: 'a lookup of a proxied user who has no proper host', ask: lookup('broken'), answer: temporary },
  { title: 'a lookup of a suspended user', ask: lookup('suspended'), answer: nobody },
  { title: 'a lookup of nobody', ask: lookup('nobody'), answer: nobody },

  { title: 'the mailbox of a local user', ask: user('local'), answer: ok(...home) },
  { title: 'the mailbox of a proxied user', ask: user('proxied'), answer: nobody },
  { title: 'the mailbox of nobody', ask: user('nobody'), answer: nobody },
  { title: 'all users', ask: ['user', '*'], answer: list(everybody) },
  {
    title: 'some users',
    ask: ['user', 's*@doors.test'],
    answer: list(everybody.filter(name => name.startsWith('s'))),
  },
]

/** What every question is answered with while Homing is away. */
export const withoutHoming: Answer = temporary

/** Runs it and reads what came. */
export async function ask(dovecot: RunningDovecot, { ask, answer }: DoorScenario): Promise<Answer> {
  const { code, stdout, stderr } = await dovecot.doveadm(...ask)
  const verdict = verdictOf(code, stdout)
  if (verdict === undefined)
    throw new Error(`doveadm ${ask.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
  if (verdict !== 'ok') return { verdict }
  if (answer.users) return { verdict, users: stdout.trim().split('\n').sort() }
  return { verdict, fields: fieldsIn(stdout) }
}

/** 2.3 exits with 77 for trouble too, and says so in a field. */
function verdictOf(code: number, stdout: string): Answer['verdict'] | undefined {
  if (/code=temp_fail/.test(stdout)) return 'temporary failure'
  return ({ 0: 'ok', 67: 'no such user', 75: 'temporary failure', 77: 'refused' } as const)[code]
}

/** `  name=value` of a login, `  name : value` of a lookup, `name<TAB>value` of a mailbox. */
function fieldsIn(stdout: string): string[] {
  const lines = stdout
    .split('\n')
    .filter(line => line.trim() !== '' && !/^(passdb: |extra fields|field\t)/.test(line))
  return lines
    .map(line => line.trim().replace(/\s*[:\t=]\s*/, '='))
    .filter(field => !/^mail(_path)?=/.test(field))
    .map(field => field.replace(/^(proxy|nodelay|proxy_nopipelining)=y$/, '$1'))
    .sort()
}

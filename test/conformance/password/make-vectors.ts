// Makes vectors.jsonl with real `doveadm pw`: `node make-vectors.js 'doveadm' 'chroot ROOT doveadm' > vectors.jsonl`.
// Each argument is a command, split at blanks. Run by hand when a new Dovecot is to be covered.

import { execFileSync } from 'node:child_process'
import { expandPassword, type PasswordText } from './vectors.js'

const passwords: Record<string, PasswordText> = {
  ascii: { text: 'correct horse battery staple' },
  short: { text: 'x' },
  fifteen: { text: 'fifteen letters' },
  utf8: { text: 'Grüße, 密码 и пароль' },
  brace: { text: '{PLAIN}curly' },
  dollar: { text: '$6$not$a$hash' },
  percent: { text: '%u%%{sha512:x}' },
  'bytes-72': { repeat: '0123456789', bytes: 72 },
  'bytes-73': { repeat: '0123456789', bytes: 73 },
  'bytes-511': { repeat: 'abcdefghijk', bytes: 511 },
  'bytes-512': { repeat: 'abcdefghijk', bytes: 512 },
  'bytes-4096': { repeat: 'ABCDEFG', bytes: 4096 },
  empty: { text: '' },
}

const rounds: Record<string, readonly number[]> = {
  'SHA256-CRYPT': [999, 1000, 1001, 1042, 12_345],
  'SHA512-CRYPT': [999, 1000, 1001, 1042, 12_345],
  'BLF-CRYPT': [4, 6, 10],
  PBKDF2: [1, 1000, 12_345],
  ARGON2I: [3, 4],
  ARGON2ID: [1, 2],
}

/** Enough for schemes that take a tenth of a second each. */
const few = ['ascii', 'utf8', 'bytes-4096', 'empty']

/** Encodings beside the scheme's own. */
const encoded = [
  'PLAIN',
  'SHA',
  'SHA1',
  'SHA256',
  'SHA512',
  'SMD5',
  'SSHA',
  'SSHA512',
  'PLAIN-MD5',
  'LDAP-MD5',
]

const user = 'Anna@example.org'

interface Vector {
  origin: string
  scheme: string
  password: string
  rounds?: number
  stored: string
}

function vectorsOf(command: string): Vector[] {
  const run = (words: string[]) =>
    execFileSync(words[0] ?? '', words.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const doveadm = (...args: string[]) => run([...command.split(' '), ...args])
  const version = run([...command.replace(/doveadm$/, 'dovecot').split(' '), '--version'])
  const origin = `doveadm pw, Dovecot ${version.split(' ')[0]}`
  const make = (scheme: string, password: string, n?: number): Vector[] => {
    const text = expandPassword(passwords[password])
    const args = n === undefined ? [] : ['-r', String(n)]
    try {
      const stored = doveadm('pw', '-s', scheme, '-u', user, ...args, '-p', text).replace(/\n$/, '')
      return [{ origin, scheme, password, ...(n === undefined ? {} : { rounds: n }), stored }]
    } catch {
      return []
    }
  }
  const schemes = doveadm('pw', '-l').trim().split(/\s+/).sort()
  return [
    ...schemes.flatMap(scheme =>
      (scheme.startsWith('ARGON2') ? few : Object.keys(passwords)).flatMap(password =>
        make(scheme, password),
      ),
    ),
    ...schemes.flatMap(scheme => (rounds[scheme] ?? []).flatMap(n => make(scheme, 'ascii', n))),
    ...encoded.flatMap(s => ['HEX', 'B64', 'BASE64'].flatMap(e => make(`${s}.${e}`, 'utf8'))),
  ]
}

const lines = [{ user, passwords }, ...process.argv.slice(2).flatMap(vectorsOf)]
process.stdout.write(lines.map(line => `${JSON.stringify(line)}\n`).join(''))

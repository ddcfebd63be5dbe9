// Dovecot's passwd-file: one account a line, `user:password:uid:gid:gecos:home:shell:extra fields`. Text in, accounts out.

import { ConfigError } from './config-error.js'
import { compileTemplate, type Template } from './variables.js'

export interface PasswdAccount {
  readonly user: string
  /** Where it stands, counted from 1. */
  readonly line: number
  /** As it stands; absent when the field is empty. */
  readonly password?: string
  /** Absent when the line ends with the password: then it is nobody to a userdb. */
  readonly userdb?: { readonly uid?: string; readonly gid?: string; readonly home?: string }
  /** `key=value` pairs in order, variables not yet filled in. */
  readonly extraFields: readonly (readonly [key: string, value: Template])[]
}

/** A line that says something, but not what it should. `user` could be read all the same. */
export interface PasswdProblem {
  readonly user: string
  readonly line: number
  readonly problem: string
}

export interface PasswdFileContent {
  readonly accounts: readonly PasswdAccount[]
  readonly problems: readonly PasswdProblem[]
}

/** Reads a whole file (auth/db-passwd-file.c, 2.3.19 and 2.4.1). Empty lines, comments and lines without a user are passed over. */
export function parsePasswdFile(text: string): PasswdFileContent {
  const accounts: PasswdAccount[] = []
  const problems: PasswdProblem[] = []
  for (const [index, rawLine] of text.split('\n').entries()) {
    const content = rawLine.endsWith('\r') ? rawLine.slice(0, -1) : rawLine
    const read = parsePasswdLine(content, index + 1)
    if (read === undefined) continue
    if ('problem' in read) problems.push(read)
    else accounts.push(read)
  }
  return { accounts, problems }
}

/** One line without its line break; undefined: empty, a comment or without a user. */
export function parsePasswdLine(content: string, line: number): PasswdAccount | PasswdProblem | undefined {
  if (content === '' || content.startsWith('#') || content.startsWith(':')) return undefined
  const [user = '', password = '', ...rest] = content.split(':')
  if (/[\x00-\x1f\x7f\ufffd]/.test(content)) {
    return { user, line, problem: 'holds a control character or bytes that are not UTF-8' }
  }
  const [uid = '', gid = '', , home = '', , ...extras] = rest
  const badId = [uid, gid].find(id => !isAccountId(id))
  if (badId !== undefined) return { user, line, problem: 'has a uid or gid that can be none' }
  const extraFields = parseExtraFields(extras.join(':'), line)
  if ('problem' in extraFields) return { user, line, problem: extraFields.problem }
  return {
    user,
    line,
    ...(password === '' ? {} : { password: modernPassword(password) }),
    ...(rest.length === 0 ? {} : { userdb: present({ uid, gid, home }) }),
    extraFields,
  }
}

/** A number but 0, the name of an account, or nothing. */
function isAccountId(id: string): boolean {
  return id === '' || (/^\d{1,10}$/.test(id) ? Number(id) > 0 : /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(id))
}

function present<T extends Record<string, string>>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')) as Partial<T>
}

const pwdfileSchemes: ReadonlyMap<string, string> = new Map([
  ['34', 'PLAIN-MD5'],
  ['56', 'DIGEST-MD5'],
])

/** libpam-pwdfile writes the kind of hash behind it: `hash[34]`. */
function modernPassword(password: string): string {
  const old = /^([^{$].*)\[(..)\]$/.exec(password)
  return old ? `{${pwdfileSchemes.get(old[2] ?? '') ?? 'CRYPT'}}${old[1]}` : password
}

/** Pairs separated by spaces; a key alone is true. */
function parseExtraFields(text: string, line: number): [string, Template][] | { problem: string } {
  const fields: [string, Template][] = []
  for (const pair of text.split(' ')) {
    const equals = pair.indexOf('=')
    const key = equals < 0 ? pair : pair.slice(0, equals)
    if (key === '') continue
    const value = equals < 0 ? 'yes' : pair.slice(equals + 1)
    try {
      fields.push([key, compileTemplate(value, `line ${line}, ${key}`)])
    } catch (error) {
      if (error instanceof ConfigError)
        return { problem: `has a field that can never work: ${error.message}` }
      throw error
    }
  }
  return fields
}

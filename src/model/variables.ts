// Templates with Dovecot's variables: compiled once, expanded for every request.
// What a variable holds is data: `%{…}` in a user name is never looked at again.

import type { AuthRequest } from './auth-request.js'
import { ConfigError } from './config-error.js'
import {
  cut,
  domainPart,
  type Filter,
  type FilterKind,
  filters,
  localPart,
  type Modifier,
  modifiers,
  type Range,
} from './variable-filters.js'

/** Variable name → where its value comes from. A value that is not known is the empty text, as in Dovecot. */
export type Variables<S> = Readonly<Record<string, (source: S) => string>>

export interface Template<S = AuthRequest> {
  /** As the operator wrote it. */
  readonly source: string
  /** The names of the variables it reads, in their long form, each once. */
  readonly variables: readonly string[]
  expand(source: S): string
  /** Only what the variables put in, in order, filters applied: for checks on data where the text around it is trusted. */
  values(source: S): readonly string[]
}

/** Variables that a user name alone can fill. */
export const userVariables: Variables<{ readonly user: string }> = {
  user: ({ user }) => user,
  username: ({ user }) => localPart(user),
  domain: ({ user }) => domainPart(user),
  domain_first: ({ user }) => localPart(domainPart(user)),
  domain_last: ({ user }) => (user.includes('@') ? user.slice(user.lastIndexOf('@') + 1) : ''),
}

const securedWords = { none: '', secured: 'secured', tls: 'TLS' } as const

/** Variables of a login, under their 2.4 names and those of 2.3 (auth/auth-request-var-expand.c, 2.3.19 and 2.4.1). */
export const requestVariables: Variables<AuthRequest> = {
  ...userVariables,
  ...named(['protocol', 'service'], request => request.protocol),
  ...named(['local_ip', 'lip'], request => request.localIp),
  ...named(['remote_ip', 'rip'], request => request.remoteIp),
  ...named(['real_remote_ip', 'real_rip'], request => request.realRemoteIp),
  ...named(['mechanism', 'mech'], request => request.mechanism),
  ...named(['secured'], request => securedWords[request.secured]),
  ...named(['session'], request => request.sessionId),
  ...named(['client_id'], request => request.clientId),
  ...named(['local_name'], request => request.localName),
  ...named(['master_user'], request => request.masterUser),
  ...withParts('login', request => request.requestedLoginUser),
  ...withParts('original', request => request.originalUser),
  ...withParts('orig', request => request.originalUser),
  ...withParts('auth', request => request.masterUser ?? request.originalUser),
}

/** 2.3's one-letter names. */
const shortNames: Readonly<Record<string, string>> = {
  u: 'user',
  n: 'username',
  d: 'domain',
  s: 'protocol',
  l: 'local_ip',
  r: 'remote_ip',
  m: 'mechanism',
  c: 'secured',
}

/**
 * Compiles a template of a login. `setting` says in messages where it stands.
 * Throws ConfigError for a variable, filter or modifier that is not known, naming it and the known ones.
 */
export function compileTemplate(text: string, setting: string): Template {
  return compileTemplateOf(requestVariables, text, setting)
}

/** As compileTemplate, with these variables and no others. */
export function compileTemplateOf<S>(variables: Variables<S>, text: string, setting: string): Template<S> {
  const parts = new TemplateParser(variables, text, setting).parse()
  const inserts = parts.filter(part => typeof part !== 'string')
  return {
    source: text,
    variables: [...new Set(inserts.flatMap(insert => insert.reads))],
    expand: oneStep(parts),
    values: source => inserts.map(insert => insert.value(source)),
  }
}

/** What is wrong with a template, for settings that are checked before anything opens; undefined when nothing is. */
export function templateFault<S>(text: string, variables: Variables<S>): string | undefined {
  try {
    compileTemplateOf(variables, text, '')
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replace(/^: /, '')
    throw error
  }
}

interface Insert<S> {
  readonly reads: readonly string[]
  readonly value: (source: S) => string
}

function oneStep<S>(parts: readonly (string | Insert<S>)[]): (source: S) => string {
  const [first] = parts
  if (first === undefined) return () => ''
  if (parts.length === 1) return typeof first === 'string' ? () => first : first.value
  return source => {
    let result = ''
    for (const part of parts) result += typeof part === 'string' ? part : part.value(source)
    return result
  }
}

function named(names: readonly string[], value: (request: AuthRequest) => string | undefined) {
  return Object.fromEntries(names.map(name => [name, (request: AuthRequest) => value(request) ?? '']))
}

function withParts(prefix: string, user: (request: AuthRequest) => string | undefined) {
  return {
    ...named([`${prefix}_user`], user),
    ...named([`${prefix}_username`], request => localPart(user(request) ?? '')),
    ...named([`${prefix}_domain`], request => domainPart(user(request) ?? '')),
  }
}

const LITERAL = /[^%]+/y
const ESCAPE = /%%/y
const HEAD = /%(?:(-?\d+)\.)?(-?\d+)?([A-Z]*)/y
const LETTER = /[\s\S]/uy
const OPEN = /\{\s*/y
const NAME = /([A-Za-z][\w:.;/-]*)\s*/y
const PIPE = /\|\s*([A-Za-z]\w*)\s*/y
const OPEN_ARGUMENTS = /\(\s*/y
const CLOSE_ARGUMENTS = /\)\s*/y
const COMMA = /,\s*/y
const ARGUMENT = /(?:'([^'\\]*)'|"([^"\\]*)"|(-?\d+)|([A-Za-z]\w*))\s*/y
const CLOSE = /\}/y

/** Reads one template text from left to right; lives for that long only. */
class TemplateParser<S> {
  readonly #variables: Variables<S>
  readonly #text: string
  readonly #setting: string
  #at = 0

  constructor(variables: Variables<S>, text: string, setting: string) {
    this.#variables = variables
    this.#text = text
    this.#setting = setting
  }

  parse(): (string | Insert<S>)[] {
    const parts: (string | Insert<S>)[] = []
    while (this.#at < this.#text.length) parts.push(this.#part())
    return parts
  }

  #part(): string | Insert<S> {
    const literal = this.#take(LITERAL)
    if (literal) return literal[0]
    if (this.#take(ESCAPE)) return '%'
    const head = this.#take(HEAD)
    const range = this.#range(head?.[1], head?.[2])
    const chain = [...(head?.[3] ?? '')].map(
      letter => known(modifiers, letter) ?? this.#unknownModifier(letter),
    )
    return applyModifiers(this.#variable(), chain, range)
  }

  /** Without an offset Dovecot 2.3 does not see the width's sign: `%-1n` is `%1n`. */
  #range(offset: string | undefined, width = '0'): Range {
    if (/^-?0\d/.test(width)) this.#fail('asks for zero padding, which is not supported')
    if (offset === undefined) return { offset: 0, width: Math.abs(Number(width)) }
    return { offset: Number(offset), width: Number(width) }
  }

  #variable(): Insert<S> {
    if (this.#take(OPEN)) return this.#expression()
    const letter = this.#take(LETTER)?.[0]
    if (letter === undefined) this.#fail('ends with a single % (write %% for a percent sign)')
    const name = known(shortNames, letter)
    const read = name === undefined ? undefined : known(this.#variables, name)
    if (name === undefined || read === undefined) return this.#unknownVariable(`%${letter}`)
    return { reads: [name], value: read }
  }

  #expression(): Insert<S> {
    const name = this.#take(NAME)?.[1]
    if (name === undefined) this.#fail('needs a variable name after %{')
    let insert = this.#named(name)
    for (let pipe = this.#take(PIPE); pipe; pipe = this.#take(PIPE))
      insert = this.#filtered(insert, pipe[1] ?? '')
    if (!this.#take(CLOSE)) this.#fail(`has no } where it should after %{${name}`)
    return insert
  }

  #filtered(insert: Insert<S>, name: string): Insert<S> {
    const kind = known(filters, name) ?? this.#unknownFilter(name)
    const given = this.#arguments(kind, name)
    const reads = [...insert.reads, ...given.flatMap(argument => argument.reads)]
    if (given.every(argument => argument.reads.length === 0)) {
      const filter = kind.make(...given.map(argument => () => argument.value(undefined as S)))
      return { reads, value: source => filter(insert.value(source)) }
    }
    return {
      reads,
      value: source =>
        kind.make(...given.map(argument => () => argument.value(source)))(insert.value(source)),
    }
  }

  #arguments(kind: FilterKind, filter: string): Insert<S>[] {
    const given: Insert<S>[] = []
    if (this.#take(OPEN_ARGUMENTS)) {
      do given.push(this.#argument(kind, filter, given.length))
      while (this.#take(COMMA))
      if (!this.#take(CLOSE_ARGUMENTS)) this.#fail(`has no ) where it should after the filter ${filter}`)
    }
    if (given.length < kind.minimumArguments) this.#fail(`gives the filter ${filter} too few arguments`)
    return given
  }

  #argument(kind: FilterKind, filter: string, index: number): Insert<S> {
    const type = kind.argumentTypes[index]
    const found = this.#take(ARGUMENT)
    if (type === undefined) this.#fail(`gives the filter ${filter} too many arguments`)
    if (!found) this.#fail(`has an argument of the filter ${filter} that is no 'text', number or variable`)
    const [, single, double, digits, name] = found
    if (name !== undefined) return this.#named(name)
    if (type === 'number' && digits === undefined)
      this.#fail(`needs a number as argument of the filter ${filter}`)
    const value = single ?? double ?? digits ?? ''
    return { reads: [], value: () => value }
  }

  #named(name: string): Insert<S> {
    const read = known(this.#variables, name)
    return read ? { reads: [name], value: read } : this.#unknownVariable(`%{${name}}`)
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found) this.#at = pattern.lastIndex
    return found
  }

  #unknownVariable(written: string): never {
    this.#fail(`uses the unknown variable ${written} (known: ${Object.keys(this.#variables).join(', ')})`)
  }

  #unknownFilter(name: string): never {
    this.#fail(`uses the unknown filter ${name} (known: ${Object.keys(filters).join(', ')})`)
  }

  #unknownModifier(letter: string): never {
    this.#fail(`uses the unknown modifier ${letter} (known: ${Object.keys(modifiers).join(', ')})`)
  }

  #fail(what: string): never {
    throw new ConfigError(`${this.#setting}: "${this.#text}" ${what}`)
  }
}

function applyModifiers<S>(insert: Insert<S>, chain: readonly Modifier[], range: Range): Insert<S> {
  if (chain.length === 0 && range.offset === 0 && range.width === 0) return insert
  const rangeIsUsedUp = chain.some(modifier => modifier.usesRange)
  const filter: Filter = value => {
    const changed = chain.reduce((text, modifier) => modifier.apply(text, range), value)
    return rangeIsUsedUp ? changed : cut(changed, range)
  }
  return { reads: insert.reads, value: source => filter(insert.value(source)) }
}

function known<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

// What a template may do to a value before it is written: Dovecot 2.3's modifiers and 2.4's filters.

import { createHash } from 'node:crypto'
import { asciiLower, asciiUpper } from './ascii-case.js'

export type Filter = (value: string) => string

/** The part before the first `@`. */
export function localPart(user: string): string {
  const at = user.indexOf('@')
  return at < 0 ? user : user.slice(0, at)
}

/** All after the first `@`, further ones included; empty when there is none. */
export function domainPart(user: string): string {
  const at = user.indexOf('@')
  return at < 0 ? '' : user.slice(at + 1)
}

/** The numbers of `%2.256Nu`: where to begin (from the end if negative), and how many characters at most. */
export interface Range {
  readonly offset: number
  readonly width: number
}

/** A modifier letter. Those that compute a number use the range up: as its length and its modulus. */
export interface Modifier {
  readonly usesRange: boolean
  apply(value: string, range: Range): string
}

/** Dovecot 2.3's modifier letters (lib/var-expand.c, 2.3.19), without E and D, which quote for SQL and LDAP. */
export const modifiers: Readonly<Record<string, Modifier>> = {
  L: plain(asciiLower),
  U: plain(asciiUpper),
  R: plain(reverse),
  T: plain(value => value.replace(/[ \t\n\v\f\r]+$/, '')),
  M: plain(value => createHash('md5').update(value).digest('hex')),
  N: {
    usesRange: true,
    apply: (value, range) => hashInHex(createHash('md5').update(value).digest().readBigUInt64BE(0), range),
  },
  H: { usesRange: true, apply: (value, range) => hashInHex(BigInt(elfHash(value)), range) },
}

/** What `%5.2u` leaves of a value (lib/var-expand.c: offset, then width; a negative width drops from the end). */
export function cut(value: string, { offset, width }: Range): string {
  if (offset === 0 && width === 0) return value
  const characters = [...value]
  const start = offset < 0 ? Math.max(0, characters.length + offset) : offset
  const rest = characters.slice(start)
  if (width === 0) return rest.join('')
  return rest.slice(0, width < 0 ? Math.max(0, rest.length + width) : width).join('')
}

/** A 2.4 filter: how many arguments it takes, and the function it makes of them. */
export interface FilterKind {
  readonly minimumArguments: number
  readonly argumentTypes: readonly ('text' | 'number')[]
  make(...parameters: readonly Filter[]): Filter
}

/**
 * Dovecot 2.4's filters that make sense for a name (lib-var-expand/expansion-filter.c, 2.4.1). Arguments arrive
 * as functions because they may name variables; `''` is passed where none is meant.
 */
export const filters: Readonly<Record<string, FilterKind>> = {
  lower: without(asciiLower),
  upper: without(asciiUpper),
  username: without(localPart),
  domain: without(domainPart),
  reverse: without(reverse),
  default: {
    minimumArguments: 0,
    argumentTypes: ['text'],
    make: fallback => value => value || (fallback ? fallback('') : ''),
  },
  truncate: {
    minimumArguments: 1,
    argumentTypes: ['number'],
    make: length => value => [...value].slice(0, numberFrom(length)).join(''),
  },
  substr: {
    minimumArguments: 1,
    argumentTypes: ['number', 'number'],
    make: (offset, length) => value => substring(value, numberFrom(offset), length && numberFrom(length)),
  },
  index: {
    minimumArguments: 2,
    argumentTypes: ['text', 'number'],
    make: (separator, index) => value =>
      value.split(separator ? separator('') : '@').at(numberFrom(index)) ?? '',
  },
}

function plain(apply: Filter): Modifier {
  return { usesRange: false, apply }
}

function without(filter: Filter): FilterKind {
  return { minimumArguments: 0, argumentTypes: [], make: () => filter }
}

function numberFrom(parameter: Filter | undefined): number {
  return parameter ? Number(parameter('')) : 0
}

function reverse(value: string): string {
  return [...value].reverse().join('')
}

function substring(value: string, offset: number, length?: number): string {
  const characters = [...value]
  const start = offset < 0 ? Math.max(0, characters.length + offset) : offset
  if (length === undefined) return characters.slice(start).join('')
  return characters.slice(start, length < 0 ? characters.length + length : start + length).join('')
}

/** Hex of the lower 32 bits, reduced by the width and filled up to the offset, as Dovecot's %H and %N do. */
function hashInHex(hash: bigint, { offset, width }: Range): string {
  const reduced = width > 0 ? hash % BigInt(width) : hash
  return (reduced & 0xffffffffn).toString(16).padStart(Math.max(0, offset), '0')
}

/** The ELF hash over UTF-8 bytes (lib/hash.c:str_hash). */
function elfHash(value: string): number {
  let hash = 0
  for (const byte of Buffer.from(value, 'utf8')) {
    hash = ((hash << 4) + byte) >>> 0
    const top = hash & 0xf0000000
    if (top !== 0) hash = (hash ^ (top >>> 24) ^ top) >>> 0
  }
  return hash
}

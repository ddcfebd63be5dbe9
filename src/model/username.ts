// Which characters a login name may have and what it is looked up as: Dovecot's auth_username_* rules.

import type { Static } from 'typebox'
import { asciiLower, asciiUpper } from './ascii-case.js'
import { ConfigError } from './config-error.js'
import { settings, text } from './setting.js'
import { domainPart, localPart } from './variable-filters.js'
import { compileTemplateOf, type Template, templateFault, userVariables } from './variables.js'

/** What the rules made of a name: the name to look up, or why nobody can have it. */
export type NormalisedUsername = { readonly user: string } | { readonly refused: string }

export interface UsernameRules {
  /** For a name that a client sent (auth-request-fields.c:auth_request_fix_username, 2.3.19). */
  normalise(name: string): NormalisedUsername
  /** For a name that a database stores: case and form only, so that it can be compared with the above. */
  normaliseStored(name: string): string
}

export const usernameSettings = settings({
  auth_username_format: text(
    'What a login name is looked up as, with variables of the name: %u, %n, %d. Empty: as the client wrote it.',
    '%Lu',
    { check: format => templateFault(format, userVariables), example: '"%Lu"' },
  ),
  auth_default_realm: text(
    'The domain of a login name that has none. Empty: such names stay as they are.',
    '',
    {
      aliases: ['auth_default_domain'],
    },
  ),
  auth_username_chars: text(
    'The characters that a login name may have; another one and nobody is looked up. Empty: all but control characters.',
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@',
  ),
  auth_username_translation: text(
    'Pairs of characters, from and to: "#@/@" reads user#domain and user/domain as user@domain.',
    '',
  ),
})

export type UsernameSettings = Static<typeof usernameSettings>

/** Longer names are refused: no column that stores one holds more. */
export const usernameLimitBytes = 255

/**
 * Makes the rules. In the order of Dovecot (2.3.19 and 2.4.1): realm, translation, characters, format, emptiness;
 * then ours: control characters, broken Unicode, length. Throws ConfigError for a setting that can never work.
 */
export function createUsernameRules(options: UsernameSettings): UsernameRules {
  const realm = options.auth_default_realm
  const translate = translation(options.auth_username_translation)
  const findDisallowed = disallowedByteFinder(options.auth_username_chars)
  const format = usernameFormat(options.auth_username_format)
  const expand = format ? (user: string) => format.expand({ user }) : (user: string) => user

  return {
    normalise(name) {
      if (name === '') return empty
      const full = realm !== '' && !name.includes('@') ? `${name}@${realm}` : name
      const translated = translate(full)
      const disallowed = findDisallowed(translated)
      if (disallowed !== undefined) return { refused: disallowedText(disallowed) }
      const user = expand(translated)
      if (user === '') return empty
      const harm = findHarm(user)
      return harm === undefined ? { user } : { refused: harm }
    },
    normaliseStored: format ? storedForm(format) : name => name,
  }
}

/** The login name of whom an administrator writes as users do; a name that nobody can log in by stays as it is. */
export function loginNameOf({ normalise }: Pick<UsernameRules, 'normalise'>, written: string): string {
  const name = normalise(written)
  return 'user' in name ? name.user : written
}

const empty: NormalisedUsername = { refused: 'Empty username' }

function disallowedText(byte: number): string {
  return `Username character disallowed by auth_username_chars: 0x${byte.toString(16).padStart(2, '0')}`
}

function usernameFormat(format: string): Template<{ readonly user: string }> | undefined {
  if (format === '') return undefined
  const template = compileTemplateOf(userVariables, format, 'auth_username_format')
  if (template.variables.length === 0) {
    throw new ConfigError(`auth_username_format: "${format}" holds no variable, so all users would be one`)
  }
  return template
}

function translation(pairs: string): (name: string) => string {
  if (pairs === '') return name => name
  if (pairs.length % 2 !== 0 || !/^[\x20-\x7e]*$/.test(pairs)) {
    throw new ConfigError(
      `auth_username_translation: "${pairs}" must be pairs of ASCII characters, from and to ("#@/@")`,
    )
  }
  // As in Dovecot, where a character stands twice the last pair counts.
  const table = new Map<string, string>()
  for (let i = 0; i < pairs.length; i += 2) table.set(pairs.charAt(i), pairs.charAt(i + 1))
  return name => {
    let result = ''
    for (const character of name) result += table.get(character) ?? character
    return result
  }
}

/** Finds the first byte of the name's UTF-8 form that is not among the characters'. */
function disallowedByteFinder(characters: string): (name: string) => number | undefined {
  if (characters === '') return () => undefined
  const allowed = new Uint8Array(256)
  for (const byte of Buffer.from(characters, 'utf8')) allowed[byte] = 1

  const findAmongBytes = (name: string) => Buffer.from(name, 'utf8').find(byte => allowed[byte] === 0)
  return name => {
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i)
      if (code > 0x7f) return findAmongBytes(name)
      if (allowed[code] === 0) return code
    }
    return undefined
  }
}

const printableAscii = /^[\x20-\x7e]*$/
const controlCharacter = /[\x00-\x1f\x7f-\x9f]/
const brokenUnicode = /\ufffd|\p{Surrogate}/u

function findHarm(user: string): string | undefined {
  if (user.length * 3 > usernameLimitBytes && Buffer.byteLength(user, 'utf8') > usernameLimitBytes) {
    return `Username is longer than ${usernameLimitBytes} bytes`
  }
  if (printableAscii.test(user)) return undefined
  const control = controlCharacter.exec(user)
  if (control) return `Username contains a control character: 0x${hex(control[0])}`
  if (brokenUnicode.test(user)) return 'Username is not valid UTF-8'
  return undefined
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, '0')
}

/**
 * The format's case, part by part. Not the whole format: `%n@example.org` or `%d/%n` made of a stored name would
 * no longer be that name, and `%n` would make one of all namesakes.
 */
function storedForm(format: Template<{ readonly user: string }>): (name: string) => string {
  const sample = format.expand({ user: 'AbCd@EfGh' })
  const foldLocal = caseOf(sample, 'AbCd')
  const foldDomain = caseOf(sample, 'EfGh')
  if (foldLocal === foldDomain) return foldLocal
  return name => {
    if (!name.includes('@')) return foldLocal(name)
    return `${foldLocal(localPart(name))}@${foldDomain(domainPart(name))}`
  }
}

const unchanged = (name: string) => name

function caseOf(sample: string, part: string): (name: string) => string {
  if (sample.includes(part)) return unchanged
  if (sample.includes(asciiLower(part))) return asciiLower
  if (sample.includes(asciiUpper(part))) return asciiUpper
  return unchanged
}

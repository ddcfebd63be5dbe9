// How far a master user's power goes: whose mailboxes, by which protocols, from where, and until when. Pure.

import type { AuthRequest } from './auth-request.js'
import type { ExtraFields } from './extra-fields.js'
import { isWithinNetworks, parseNetwork } from './networks.js'
import { domainPart } from './variable-filters.js'
import { matchesWildcard } from './wildcard.js'

/** Fields of a master passdb that act here; nobody outside sees them. */
export const limitFields: readonly string[] = ['master_domains', 'master_protocols', 'master_expires']

export type MasterLimit =
  | 'allow_nets'
  | 'allow_real_nets'
  | 'master_domains'
  | 'master_protocols'
  | 'master_expires'

/** `malformed`: what is stored says nothing that can be obeyed, and must never read as "unlimited". */
export type LimitVerdict = undefined | { readonly refused: string } | { readonly malformed: string }

/** Whether a master whose password was right may become this user here and now. A field that is absent limits nothing. */
export function checkMasterLimits(
  fields: ExtraFields,
  request: AuthRequest,
  loginUser: string,
  unixSeconds: number,
): LimitVerdict {
  const { remoteIp, realRemoteIp, protocol } = request
  return (
    malformedNetworks(fields, 'allow_nets') ??
    malformedNetworks(fields, 'allow_real_nets') ??
    expiry(fields.get('master_expires'), unixSeconds) ??
    protocols(fields.get('master_protocols'), protocol) ??
    domains(fields.get('master_domains'), loginUser) ??
    networks(fields, 'allow_nets', remoteIp) ??
    networks(fields, 'allow_real_nets', realRemoteIp ?? remoteIp)
  )
}

/** The same for the domain alone: whoever was renamed on the way must still be within it. */
export function checkMasterDomain(fields: ExtraFields, loginUser: string): LimitVerdict {
  return domains(fields.get('master_domains'), loginUser)
}

/** What is wrong with a limit as it is stored, as half a sentence; undefined when it can be obeyed. */
export function limitFault(name: MasterLimit, value: string): string | undefined {
  if (name === 'master_expires') {
    return expiryOf(value) === undefined
      ? 'is no date (2027-01-31, or 2027-01-31 18:00:00 in UTC)'
      : undefined
  }
  const entries = entriesOf(value)
  if (entries.length === 0) return 'is empty (NULL is unlimited)'
  const [wrong, what] = {
    master_domains: [entries.find(entry => !/^[^\s@,/]{1,255}$/.test(entry)), 'no domain'],
    master_protocols: [entries.find(entry => !/^[a-z][a-z0-9_-]{0,31}$/i.test(entry)), 'no protocol'],
    allow_nets: [entries.find(entry => !isNetwork(entry)), 'no network'],
    allow_real_nets: [entries.find(entry => !isNetwork(entry)), 'no network'],
  }[name]
  return wrong === undefined ? undefined : `holds ${JSON.stringify(wrong.slice(0, 64))}, which is ${what}`
}

/** Seconds since 1970 from which on the master has no power any more; a date counts to its end. Undefined: no date. */
export function expiryOf(value: string): number | undefined {
  const [, date, time, zone] =
    /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?)(?:\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?)?$/.exec(
      value.trim(),
    ) ?? []
  if (date === undefined) return undefined
  const start = Date.parse(`${date}T${time ?? '00:00:00'}${zone ?? 'Z'}`)
  // 2027-02-31 is the 3rd of March to Date.parse, or nothing at all.
  const isReal = new Date(Date.parse(`${date}T00:00:00Z`) || 0).toISOString().startsWith(date)
  if (Number.isNaN(start) || !isReal) return undefined
  return start / 1000 + (time === undefined ? DAY_SECS : 0)
}

const DAY_SECS = 86_400

const entriesOf = (list: string): string[] => list.split(/[\s,]+/).filter(entry => entry !== '')
const isNetwork = (entry: string): boolean => entry === 'local' || parseNetwork(entry) !== undefined

function malformedNetworks(fields: ExtraFields, name: 'allow_nets' | 'allow_real_nets'): LimitVerdict {
  const value = fields.get(name)
  return value === undefined ? undefined : malformed(name, limitFault(name, value))
}

function malformed(name: string, fault: string | undefined): LimitVerdict {
  return fault === undefined ? undefined : { malformed: `the limit ${name} of the master user ${fault}` }
}

function expiry(value: string | undefined, unixSeconds: number): LimitVerdict {
  if (value === undefined) return undefined
  const until = expiryOf(value)
  if (until === undefined) return malformed('master_expires', limitFault('master_expires', value))
  return unixSeconds < until ? undefined : { refused: `the master user expired (${value.trim()})` }
}

function protocols(value: string | undefined, protocol: string): LimitVerdict {
  if (value === undefined) return undefined
  const fault = malformed('master_protocols', limitFault('master_protocols', value))
  if (fault) return fault
  const allowed = entriesOf(value.toLowerCase()).flatMap(name => (sieve.includes(name) ? sieve : [name]))
  if (allowed.includes(protocol.toLowerCase())) return undefined
  return { refused: `the master user may not use ${protocol === '' ? 'an unknown protocol' : protocol}` }
}

/** Dovecot's service is `sieve`; its port and its package say `managesieve`. */
const sieve: readonly string[] = ['sieve', 'managesieve']

function domains(value: string | undefined, loginUser: string): LimitVerdict {
  if (value === undefined) return undefined
  const fault = malformed('master_domains', limitFault('master_domains', value))
  if (fault) return fault
  const domain = domainPart(loginUser).toLowerCase()
  // `*` is every domain, and who has none is in none.
  const isHeld = domain !== '' && entriesOf(value.toLowerCase()).some(mask => matchesWildcard(mask, domain))
  if (isHeld) return undefined
  return { refused: `the master user may not be a user of ${domain === '' ? 'no domain' : domain}` }
}

function networks(
  fields: ExtraFields,
  name: 'allow_nets' | 'allow_real_nets',
  address: string | undefined,
): LimitVerdict {
  const value = fields.get(name)
  if (value === undefined || isWithinNetworks(value, address)) return undefined
  return { refused: `${name} does not hold ${address ?? 'a caller without an address'}` }
}

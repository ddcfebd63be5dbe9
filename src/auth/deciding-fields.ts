// Fields that change the result of the lookup which returned them. Pure.
// Source: auth-request.c:auth_request_set_field and auth_request_validate_networks, Dovecot 2.3.19 and 2.4.1.

import type { AuthRequest } from '../model/auth-request.js'
import { type ExtraFields, withoutFields } from '../model/extra-fields.js'
import { isWithinNetworks } from '../model/networks.js'

/** Dovecot fails a login that would have to wait longer than this (auth-request.c, AUTH_REQUEST_MAX_DELAY_SECS). */
const LONGEST_DELAY_SECS = 300

/** Why these fields fail the lookup although user and password were right; undefined when they do not. */
export function refusalByFields(
  fields: ExtraFields,
  request: AuthRequest,
  unixSeconds: number,
): string | undefined {
  if (fields.size === 0) return undefined
  if (fields.has('fail')) return 'the fail field is set'
  return (
    refusalByNetworks(fields.get('allow_nets'), request.remoteIp, 'allow_nets') ??
    refusalByNetworks(
      fields.get('allow_real_nets'),
      request.realRemoteIp ?? request.remoteIp,
      'allow_real_nets',
    ) ??
    refusalByDelay(fields.get('delay_until'), unixSeconds)
  )
}

/** The fields without a `delay_until` that lies in the past: Dovecot ignores it. */
export function withoutPastDelay(fields: ExtraFields, unixSeconds: number): ExtraFields {
  const delay = fields.get('delay_until')
  if (delay === undefined || Number.parseInt(delay, 10) > unixSeconds) return fields
  return withoutFields(fields, ['delay_until'])
}

function refusalByNetworks(
  networks: string | undefined,
  address: string | undefined,
  field: string,
): string | undefined {
  if (networks === undefined || isWithinNetworks(networks, address)) return undefined
  return `${field} does not hold ${address ?? 'a caller without an address'}`
}

function refusalByDelay(delay: string | undefined, unixSeconds: number): string | undefined {
  if (delay === undefined) return undefined
  const parsed = /^(\d{1,12})(?:\+(\d{1,6}))?$/.exec(delay)
  if (!parsed) return 'delay_until is not a timestamp'
  const until = Number(parsed[1])
  if (until <= unixSeconds) return undefined
  const longest = until + Number(parsed[2] ?? 0) - unixSeconds
  return longest > LONGEST_DELAY_SECS
    ? `delay_until lies more than ${LONGEST_DELAY_SECS} secs ahead`
    : undefined
}

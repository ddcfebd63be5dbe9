// What a client of an auth-policy server can ask, as weakforced has it: one line each in the table at the end.

import type { Attempt } from '../../policy/attempt.js'
import { type ListEntry, type ListName, listEntry } from '../../policy/policy-lists.js'
import type { PolicyServer } from '../../policy/policy-server.js'
import { type Body, type NameOf, readAttempt, readReport, readSubject } from '../../policy/read-request.js'
import { REFUSED } from '../checked-verify.js'

export interface CommandReply {
  /** 200 when absent. */
  readonly code?: number
  readonly body: object
}

export interface PolicyCommand {
  readonly method: 'GET' | 'POST'
  /** `by`: who asks, for the audit. */
  run(server: PolicyServer, body: Body, by: string, nowSecs: number): Promise<CommandReply>
}

const done: CommandReply = { body: { status: 'ok' } }

const failure = (reason: string, code = 400): CommandReply => ({ code, body: { status: 'failure', reason } })

/**
 * `status` is a whole number and nothing else is: Dovecot takes a text or a fraction for a broken server, and 2.3 a missing
 * one for 0. `msg` is what the client is told.
 */
const allow: PolicyCommand = {
  method: 'POST',
  run: async (server, body) => {
    const attempt = readAttempt(body, server.whoseOf)
    if ('wrong' in attempt) return failure(attempt.wrong)
    server.askedAbout(attempt.session ?? '')
    const { status } = await server.allow(attempt)
    return { body: { status, msg: status < 0 ? REFUSED : '', r_attrs: {} } }
  },
}

const report: PolicyCommand = {
  method: 'POST',
  run: async (server, body) => {
    const told = readReport(body, server.whoseOf)
    if ('wrong' in told) return failure(told.wrong)
    await server.report(told)
    return done
  },
}

const reset: PolicyCommand = {
  method: 'POST',
  run: async (server, body) => {
    const subject = readSubject(body, server.nameOf)
    if ('wrong' in subject) return failure(subject.wrong)
    await server.policy.reset(subject)
    return done
  },
}

const ping: PolicyCommand = { method: 'GET', run: async () => done }

const getDBStats: PolicyCommand = {
  method: 'POST',
  run: async ({ policy, nameOf }, body) => {
    const subject = readSubject(body, nameOf)
    if ('wrong' in subject) return failure(subject.wrong)
    const blocked = policy.lists.find(subject, 'block')
    const allowed = policy.lists.find(subject, 'allow')
    return {
      body: {
        ...subjectBody(subject),
        blacklisted: blocked !== undefined,
        ...(blocked && { bl_reason: blocked.reason, bl_expire: expiry(blocked) }),
        whitelisted: allowed !== undefined,
        ...(allowed && { wl_reason: allowed.reason, wl_expire: expiry(allowed) }),
        stats: { homing: await policy.counts(subject) },
      },
    }
  },
}

function subjectBody({ login, remote }: Partial<Pick<Attempt, 'login' | 'remote'>>): object {
  if (login !== undefined && remote !== undefined) return { ip_login: `${remote}:${login}` }
  return login === undefined ? { ip: remote } : { login }
}

const addEntry = (list: ListName): PolicyCommand => ({
  method: 'POST',
  run: async ({ stored, nameOf }, body, by, nowSecs) => {
    const { expire_secs, reason } = body
    if (typeof expire_secs !== 'number' || !Number.isInteger(expire_secs) || expire_secs < 0) {
      return failure('expire_secs is no whole number')
    }
    if (typeof reason !== 'string') return failure('reason is missing')
    // 0 is for good, as in weakforced.
    const entry = readEntry(
      list,
      named(body, nameOf),
      reason,
      expire_secs === 0 ? undefined : nowSecs + expire_secs,
    )
    if ('wrong' in entry) return failure(entry.wrong)
    return stored.put(entry, { by }).then(
      () => done,
      () => failure('the lists cannot be written', 503),
    )
  },
})

const delEntry = (list: ListName): PolicyCommand => ({
  method: 'POST',
  run: async ({ stored, nameOf }, body, by) => {
    const entry = readEntry(list, named(body, nameOf), '', undefined)
    if ('wrong' in entry) return failure(entry.wrong)
    return stored.remove(entry, { by }).then(
      () => done,
      () => failure('the lists cannot be written', 503),
    )
  },
})

const named = (body: Body, nameOf: NameOf): Body =>
  typeof body.login === 'string' ? { ...body, login: nameOf(body.login) } : body

function readEntry(
  list: ListName,
  { ip, netmask, login }: Body,
  reason: string,
  expires: number | undefined,
): ListEntry | { readonly wrong: string } {
  const network = ip ?? netmask
  if (network !== undefined && typeof network !== 'string') return { wrong: 'the address is no text' }
  if (login !== undefined && typeof login !== 'string') return { wrong: 'login is no text' }
  return listEntry(list, {
    ...(network !== undefined && { network }),
    ...(login !== undefined && { login }),
    reason,
    ...(expires !== undefined && { expires }),
  })
}

const getList = (list: ListName, key: string): PolicyCommand => ({
  method: 'GET',
  run: async ({ policy }) => ({ body: { [key]: policy.lists.all(list).map(entryBody) } }),
})

function entryBody(entry: ListEntry): object {
  const { network, login, reason } = entry
  const name =
    network !== undefined && login !== undefined
      ? { iplogin: `${network}:${login}` }
      : network === undefined
        ? { login }
        : network.includes('/')
          ? { netmask: network }
          : { ip: network }
  return { ...name, expiration: expiry(entry), reason }
}

const expiry = ({ expires }: ListEntry): string =>
  expires === undefined ? '' : new Date(expires * 1000).toISOString()

export const policyCommands: Readonly<Record<string, PolicyCommand>> = {
  allow,
  report,
  reset,
  ping,
  getDBStats,
  addBLEntry: addEntry('block'),
  delBLEntry: delEntry('block'),
  getBL: getList('block', 'bl_entries'),
  addWLEntry: addEntry('allow'),
  delWLEntry: delEntry('allow'),
  getWL: getList('allow', 'wl_entries'),
}

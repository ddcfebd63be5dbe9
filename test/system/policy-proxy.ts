// A proxy whose Dovecot asks Homing's policy by deploy's policy.conf, for tests of what is counted of whom.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createAuthority } from './certificates.js'
import { startDovecot } from './dovecot.js'
import { freePorts } from './free-ports.js'
import { type RunningHoming, startHoming } from './homing.js'
import { findDovecot, needs } from './parts.js'

export interface PolicyProxyOptions {
  /** Of Homing, beside what the policy needs. */
  readonly config: string
  readonly accounts: Parameters<RunningHoming['addAccounts']>[0]
  /** Of Dovecot, before `!include policy.conf`. */
  readonly site?: string
  readonly masters?: boolean
}

export interface PolicyProxy {
  readonly imaps: { readonly port: number; readonly caFile: string }
  /** Rule → how many are counted of a login; waits for the report of what was just tried until `rule` stands at `expected`. */
  countsOf(login: string, rule: string, expected: number): Promise<Record<string, number>>
}

const KEY = 'policy-key'
const TRIES = 40

/** undefined: this Dovecot is not installed here, and the test says so. */
export async function startPolicyProxy(
  t: Test,
  major: '2.3' | '2.4',
  { config, accounts, site = '', masters = false }: PolicyProxyOptions,
): Promise<PolicyProxy | undefined> {
  const installation = findDovecot(`dovecot-${major}`)
  if (!needs(t, `dovecot-${major}`) || !installation) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'homing-policy-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const [policyPort = 0] = await freePorts(1)
  const policyUrl = `http://127.0.0.1:${policyPort}/`
  const homing = await startHoming({
    config: `policy_listen = ["127.0.0.1:${policyPort}"]\npolicy_api_key = "${KEY}"\n${config}`,
  })
  t.teardown(() => homing.close())
  await homing.addAccounts(accounts)
  const authority = await createAuthority(folder, 'policy')
  const dovecot = await startDovecot({
    installation,
    role: 'proxy',
    masters,
    service: homing,
    certificate: await authority.issue('server', 'DNS:localhost'),
    caFile: authority.caFile,
    site:
      `${site}!include policy.conf\nauth_policy_server_url = ${policyUrl}\n` +
      `auth_policy_server_api_header = ${KEY}\nauth_policy_hash_nonce = nonce\n`,
  })
  t.teardown(() => dovecot.stop())

  const countsNow = async (login: string): Promise<Record<string, number>> => {
    const answer = await fetch(`${policyUrl}command/getDBStats`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ login }),
    })
    const { stats } = (await answer.json()) as { stats: { homing: Record<string, number> } }
    return stats.homing
  }
  return {
    imaps: { port: dovecot.ports.imaps, caFile: authority.caFile },
    countsOf: async (login, rule, expected) => {
      for (let tries = 0; ; tries++) {
        const counts = await countsNow(login)
        if (counts[rule] === expected || tries === TRIES) return counts
        await sleep(50)
      }
    },
  }
}

// Chains that can let nobody in, and chains that let somebody into another's mailbox.

import type { PassdbSettings, UserdbSettings } from './chain-settings.js'
import type { Config } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import type { ChainLink } from './read-chain.js'

type Passdb = ChainLink<PassdbSettings>
type Link = Passdb | ChainLink<UserdbSettings>

/** What is wrong with the passdbs and the userdbs as chains. */
export function findChainFaults({ passdbs, userdbs }: Config): {
  problems: ConfigProblem[]
  warnings: ConfigProblem[]
} {
  const normal = passdbs.filter(({ settings }) => !settings.master)
  return {
    problems: [...nobodyAsked(normal)],
    warnings: [
      ...nobodyLetIn(normal),
      ...fallingThrough('passdb', normal),
      ...fallingThrough('userdb', userdbs),
      ...uncheckedCertificates('passdb', passdbs),
    ],
  }
}

/** Dovecot would answer each login "All password databases were skipped" (auth-request.c, 2.3.19). */
function nobodyAsked(passdbs: readonly Passdb[]): ConfigProblem[] {
  if (passdbs.some(({ settings }) => settings.skip !== 'unauthenticated')) return []
  const wrong =
    passdbs.length === 0 ? 'there is no passdb to ask' : 'every passdb is skipped, so nobody can log in'
  const right = 'at least one [[passdb]] with skip = "never" that is no master'
  return [{ source: sourceOf(passdbs[0], 'skip'), key: 'passdb', wrong, right }]
}

const successes = ['return-ok', 'continue-ok']

/** A chain ends in a success only when some rule says so. */
function nobodyLetIn(passdbs: readonly Passdb[]): ConfigProblem[] {
  const succeeds = ({ settings }: Passdb) =>
    !settings.deny &&
    [settings.result_success, settings.result_failure, settings.result_internalfail].some(rule =>
      successes.includes(rule),
    )
  if (passdbs.length === 0 || passdbs.some(succeeds)) return []
  const wrong = 'no passdb has a rule that ends in a success, so nobody can log in'
  const right = 'result_success = "return-ok" in at least one'
  return [{ source: sourceOf(passdbs[0], 'result_success'), key: 'passdb', wrong, right }]
}

/** A database that is down must not send its users to the next one: who is known there gets another mailbox. */
function fallingThrough(chain: string, links: readonly Link[]): ConfigProblem[] {
  return links.slice(0, -1).flatMap(link => {
    const rule = link.settings.result_internalfail
    if (!rule.startsWith('continue')) return []
    const key = `${chain} ${link.name}: result_internalfail`
    const wrong = `with "${rule}", users of a database that is down get the next one's mailbox`
    return { source: sourceOf(link, 'result_internalfail'), key, wrong, right: '"return-fail"' }
  })
}

const tlsFields = ['ssl', 'starttls']
const ANY_CERT = 'any-cert'

/** any-cert hands the user's password to whoever answers at the backend's address. */
function uncheckedCertificates(chain: string, links: readonly Link[]): ConfigProblem[] {
  return links.flatMap(link =>
    Object.entries({ ...link.settings, ...(link.options as object) }).flatMap(([key, value]) => {
      if (!mentionsAnyCert(value)) return []
      const wrong = 'any-cert: a backend gets passwords whatever certificate it shows'
      const right = '"yes", and a certificate that the proxy can verify'
      return { source: sourceOf(link, key), key: `${chain} ${link.name}: ${key}`, wrong, right }
    }),
  )
}

function mentionsAnyCert(value: unknown): boolean {
  if (value === ANY_CERT) return true
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([field, text]) => text === ANY_CERT && tlsFields.includes(field.replace(/:.*$/, '')),
  )
}

function sourceOf(link: Link | undefined, key: string): string {
  const written = link?.origins.get(key) ?? link?.origins.get('driver')
  return written?.source ?? 'configuration'
}

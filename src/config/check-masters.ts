// Master passdbs that would make masters of users, or users of masters (CVE-2022-30550 was that, by a bug).

import type { PassdbSettings } from './chain-settings.js'
import type { Config } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import type { ChainLink } from './read-chain.js'

type Passdb = ChainLink<PassdbSettings>

/** What is wrong with who is a master here. */
export function findMasterFaults(config: Config): { problems: ConfigProblem[]; warnings: ConfigProblem[] } {
  const masters = config.passdbs.filter(({ settings }) => settings.master)
  const users = config.passdbs.filter(({ settings }) => !settings.master)
  return {
    problems: [
      ...masters.flatMap(userTables),
      ...users.flatMap(masterTables),
      ...masters.flatMap(open),
      ...masters.flatMap(master => sharedSources(master, users)),
    ],
    warnings: [...masters.flatMap(unknownUsers), ...nobodySplits(config, masters)],
  }
}

const tableOf = ({ driver, options }: Passdb): string | undefined =>
  driver === 'sql' ? (options as { table: string }).table : undefined

/** `passdb.key` as messages name it. */
const keyOf = ({ name }: Passdb, key: string): string => `passdb ${name}: ${key}`

function problem(link: Passdb, key: string, wrong: string, right: string): ConfigProblem {
  const source = (link.origins.get(key) ?? link.origins.get('driver'))?.source ?? 'configuration'
  return { source, key: keyOf(link, key), wrong, right }
}

function userTables(link: Passdb): ConfigProblem[] {
  const table = tableOf(link)
  if (table !== 'local_users' && table !== 'proxy_users') return []
  const wrong = `with ${table} every user could log in as every other one`
  return [problem(link, 'master', wrong, 'table = "master_users", or master = false')]
}

function masterTables(link: Passdb): ConfigProblem[] {
  if (tableOf(link) !== 'master_users') return []
  const wrong = 'master users would be users, too'
  return [problem(link, 'table', wrong, 'master = true')]
}

function open(link: Passdb): ConfigProblem[] {
  if (link.driver !== 'static' || !(link.options as { nopassword: boolean }).nopassword) return []
  const wrong = 'everybody could log in as everybody, without a password'
  return [problem(link, 'nopassword', wrong, 'a password, or another driver')]
}

/** The same rows, told apart by a filter or by nothing at all. A flag of their own (`active`) tells them apart. */
function sharedSources(master: Passdb, users: readonly Passdb[]): ConfigProblem[] {
  const shared = users.find(user => sourceOf(user) === sourceOf(master))
  if (shared === undefined || tableOf(master) === 'master_users') return []
  const wrong = `passdb ${shared.name} reads the same: its users could log in as every other one`
  const right =
    master.driver === 'sql'
      ? 'a table of its own, or a column that says who is a master: columns = { active = "masteradmin" }'
      : 'a file of its own'
  return [problem(master, 'master', wrong, right)]
}

function sourceOf({ driver, name, options }: Passdb): string {
  const { database_url, table, columns, path } = options as {
    database_url?: string
    table?: string
    columns?: Readonly<Record<string, string>>
    path?: string
  }
  if (driver === 'sql') return JSON.stringify([driver, database_url ?? '', table, columns?.active ?? ''])
  // Each static passdb is its own; of drivers that are not known here nothing is said.
  return JSON.stringify(path === undefined ? [driver, name] : [driver, path])
}

function unknownUsers(link: Passdb): ConfigProblem[] {
  const rule = link.settings.result_success
  if (rule.startsWith('continue')) return []
  const wrong = `with "${rule}" nobody looks whether the user whom a master wants to be exists, or is disabled`
  return [problem(link, 'result_success', wrong, '"continue"')]
}

function nobodySplits({ settings, origins }: Config, masters: readonly Passdb[]): ConfigProblem[] {
  const separator = (settings as { auth_master_user_separator?: string }).auth_master_user_separator ?? ''
  if (separator === '' || masters.length > 0) return []
  const source = origins.get('auth_master_user_separator')?.source ?? 'configuration'
  const wrong = 'there is no passdb with master = true: every login with this character is refused'
  return [{ source, key: 'auth_master_user_separator', wrong, right: 'a [[passdb]] for masters, or nothing' }]
}

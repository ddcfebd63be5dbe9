// What cannot work as it is stored, by user: for who takes over tables that others filled.

import { readTruth } from '../model/truth.js'
import type { UsernameRules } from '../model/username.js'
import { type ColumnValue, columnValue } from './column-value.js'
import { toDatabaseError } from './database-error.js'
import { tablesOf } from './describe-tables.js'
import { storedName } from './find-accounts.js'
import type { TableDescription } from './migration.js'
import { lookUpNameColumns } from './name-column.js'
import { readPages } from './read-pages.js'
import type { SqlDatabase } from './sql-database.js'
import { storedPasswordProblem } from './stored-password-problem.js'

export interface AdoptionProblem {
  readonly table: string
  /** The stored name; absent when the table itself is the problem. */
  readonly user?: string
  /** A word for programs; never a stored value. */
  readonly problem: keyof typeof sentences
  /** The same for people. */
  readonly sentence: string
}

const sentences = {
  'ssl-on-port-143':
    'ssl_mode is ssl, but port 143 speaks STARTTLS: logins would hang; TLS from the start is on 993',
  'password-cut-off': 'the stored password is not whole: its end was cut off, nobody can log in with it',
  'password-wrong-length': 'the stored password has another length than its scheme makes: it can never match',
  'empty-host': 'no host: a login cannot be sent anywhere',
  'unknown-ssl-mode': 'ssl_mode is none of none, starttls, ssl',
  'any-certificate': 'any_cert is set: this backend is sent passwords whatever certificate it shows',
  'port-out-of-range': 'a port is not between 1 and 65535',
  'unreachable-name':
    'no login name leads to this row: auth_username_chars, auth_username_format or auth_default_realm forbid it',
  'narrow-password-column':
    'the password column holds less than 120 characters: {SHA512-CRYPT} does not fit and is cut or refused',
} as const

interface ReportedTable {
  readonly table: string
  readonly key: { readonly user: string; readonly domain?: string }
  readonly check: (row: Readonly<Record<string, ColumnValue>>) => readonly AdoptionProblem['problem'][]
}

const none = () => []
const tables: readonly ReportedTable[] = [
  { table: 'proxy_users', key: { user: 'username' }, check: proxyProblems },
  { table: 'local_users', key: { user: 'username' }, check: none },
  { table: 'master_users', key: { user: 'user_name', domain: 'domain_name' }, check: none },
  // The guide's local users. Not ours to change; the sql driver reads them with `columns`.
  { table: 'users', key: { user: 'userid', domain: 'domain' }, check: none },
]

/** The columns that a row is judged by, where the table has them. */
const judged = [
  'password',
  'host',
  'port',
  'ssl_mode',
  'any_cert',
  'pop3_port',
  'lmtp_port',
  'submission_port',
  'sieve_port',
]
const ports = judged.filter(column => column.endsWith('port'))

const SHORTEST_FIT = 120

/**
 * Every problem that can be seen in the stored rows of the tables that are there, in bounded memory. Throws
 * DatabaseError when it breaks off. Changes nothing.
 */
export async function* adoptionReport(
  database: SqlDatabase,
  rules: UsernameRules,
): AsyncGenerator<AdoptionProblem> {
  for (const reported of tables) {
    const described = await describe(database, reported.table)
    if (!described || !hasKey(described, reported)) continue
    const length = described.columns.get('password')?.maxLength
    if (length !== undefined && length < SHORTEST_FIT) yield problem(reported.table, 'narrow-password-column')
    yield* rowProblems(database, rules, reported, described)
  }
}

const DESCRIBE_TIMEOUT_MS = 10_000

async function describe(database: SqlDatabase, table: string): Promise<TableDescription | undefined> {
  const options = { statementTimeoutMs: DESCRIBE_TIMEOUT_MS, changesNothing: true }
  try {
    return await database.maintenance(options, connection =>
      tablesOf(database.dialect, connection).describe(table),
    )
  } catch (cause) {
    throw toDatabaseError(cause, `describe ${table}`, database.name)
  }
}

function hasKey({ columns }: TableDescription, { key }: ReportedTable): boolean {
  return columns.has(key.user) && (key.domain === undefined || columns.has(key.domain))
}

async function* rowProblems(
  database: SqlDatabase,
  rules: UsernameRules,
  { table, key, check }: ReportedTable,
  described: TableDescription,
): AsyncGenerator<AdoptionProblem> {
  const columns = judged.filter(column => described.columns.has(column))
  const nameColumns = await lookUpNameColumns(database, table, key)
  for await (const row of readPages(database, `check ${table}`, { table, key, nameColumns, columns })) {
    const user = storedName(row, key.domain !== undefined)
    const values = Object.fromEntries(columns.map((column, place) => [column, columnValue(row[`v${place}`])]))
    const problems = [...nameProblems(rules, user), ...check(values), ...passwordProblems(values)]
    for (const found of problems) yield problem(table, found, user)
  }
}

function nameProblems(rules: UsernameRules, stored: string): AdoptionProblem['problem'][] {
  const login = rules.normalise(stored)
  const isReachable = 'user' in login && login.user === rules.normaliseStored(stored)
  return isReachable ? [] : ['unreachable-name']
}

function proxyProblems(row: Readonly<Record<string, ColumnValue>>): AdoptionProblem['problem'][] {
  const problems: AdoptionProblem['problem'][] = []
  const mode = row.ssl_mode === undefined ? 'starttls' : row.ssl_mode
  if (typeof row.host !== 'string' || row.host.trim() === '') problems.push('empty-host')
  if (!['none', 'starttls', 'ssl'].includes(String(mode))) problems.push('unknown-ssl-mode')
  if (mode === 'ssl' && Number(row.port) === 143) problems.push('ssl-on-port-143')
  // What says neither yes nor no fails the login, and sends nothing.
  if (readTruth(row.any_cert ?? null)) problems.push('any-certificate')
  if (ports.some(column => !isPort(row[column]))) problems.push('port-out-of-range')
  return problems
}

function isPort(value: ColumnValue | undefined): boolean {
  if (value === null || value === undefined) return true
  const port = Number(value)
  return Number.isInteger(port) && port >= 1 && port <= 65535
}

function passwordProblems({ password }: Readonly<Record<string, ColumnValue>>): AdoptionProblem['problem'][] {
  const found = typeof password === 'string' ? storedPasswordProblem(password) : undefined
  return found ? [found] : []
}

function problem(table: string, problem: AdoptionProblem['problem'], user?: string): AdoptionProblem {
  return { table, ...(user === undefined ? {} : { user }), problem, sentence: sentences[problem] }
}

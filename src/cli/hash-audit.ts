import type { HashAudit, TableAudit, UnreadablePassword } from './audit-tables.js'
import { auditedTables } from './audited-tables.js'
import { type Call, type Command, UsageError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { openConfig } from './open-config.js'
import { visible } from './visible-text.js'

const WEAKEST = 10
const WEAKEST_LIMIT = 100_000

export const hashAudit: Command = {
  name: 'hash-audit',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'counts how passwords are stored, and names the weakest accounts',
  details:
    'Reads every password of every sql passdb, in pages, and changes nothing; no hash is printed. Passwords that a ' +
    'login could not read either are listed by user. password_rehash strengthens weak ones at the next login.',
  examples: ['homing hash-audit', 'homing hash-audit --weakest 100 --json'],
  options: {
    weakest: { type: 'string', value: 'N', description: `how many accounts to name (default: ${WEAKEST})` },
  },
  run: audit,
}

async function audit(call: Call): Promise<ExitCode> {
  const limit = readCount(call.text('weakest'))
  const config = openConfig(call)
  const [{ createDatabases }, { auditTables }] = await Promise.all([
    import('../database/open-database.js'),
    import('./audit-tables.js'),
  ])
  const databases = createDatabases(config.settings, { warn: call.terminal.complain })
  try {
    const audit = await auditTables(auditedTables(config, databases), {
      weakest: limit,
      settings: config.settings,
      terminal: call.terminal,
      ...(!call.json && { printUnreadable: found => call.terminal.print(`${unreadableLine(found)}\n`) }),
    })
    await call.terminal.print(call.json ? `${JSON.stringify(audit)}\n` : report(audit))
  } finally {
    await databases.close()
  }
  return exitCode.ok
}

function readCount(text: string | undefined): number {
  if (text === undefined) return WEAKEST
  if (!/^\d{1,6}$/.test(text) || Number(text) > WEAKEST_LIMIT) {
    throw new UsageError(`--weakest takes a whole number up to ${WEAKEST_LIMIT}`)
  }
  return Number(text)
}

const unreadableLine = ({ table, user, reason }: UnreadablePassword): string =>
  `${table} ${visible(user)}: cannot be read: ${reason}`

function report({ tables, weakest, weak_masters: masters }: HashAudit): string {
  const lines = tables.flatMap(tableLines)
  if (weakest.length > 0) {
    lines.push('weakest accounts:')
    for (const { table, user, scheme, cost } of weakest) {
      lines.push(`  ${visible(user)} (${table}): ${nameOf(scheme, cost)}`)
    }
  }
  if (masters.length > 0) {
    lines.push('master users that are too fast to guess, who can read all mail:')
    for (const { table, user, scheme, cost } of masters) {
      lines.push(`  ${visible(user)} (${table}): ${nameOf(scheme, cost)}`)
    }
  }
  if (tables.length === 0) lines.push('no sql passdb has passwords')
  return lines.map(line => `${line}\n`).join('')
}

function tableLines({ database, table, accounts, unreadable, hashes }: TableAudit): string[] {
  const trouble = unreadable > 0 ? `, ${unreadable} cannot be read` : ''
  const lines = [`${table} in ${database}: ${accounts} account${accounts === 1 ? '' : 's'}${trouble}`]
  let shown: string | undefined
  for (const { domain, scheme, cost, accounts } of hashes) {
    if (domain !== shown) lines.push(`  ${domain === '' ? '(no domain)' : visible(domain)}`)
    shown = domain
    lines.push(`    ${String(accounts).padStart(8)}  ${nameOf(scheme, cost)}`)
  }
  return lines
}

const nameOf = (scheme: string, cost: string): string => (cost === '' ? scheme : `${scheme} ${cost}`)

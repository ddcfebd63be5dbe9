// `homing local-user import` and its like: many accounts from a file, in batches, each of them whole or not at all.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { importableColumns } from '../accounts/account-columns.js'
import type { AccountKind } from '../accounts/account-kinds.js'
import type { Accounts, AccountTableName } from '../database/accounts.js'
import { type ExistingMode, existingModes } from '../database/bulk-accounts.js'
import type { UsernameRules } from '../model/username.js'
import { type Call, CommandError, UsageError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import {
  formatOf,
  type ImportFormat,
  importFormats,
  isImportFormat,
  openImport,
  WrongHeading,
} from './import-lines.js'
import { ImportRun, type ImportTotals } from './import-run.js'
import { progressBar } from './progress-bar.js'
import { visible } from './visible-text.js'

/** Every line is stored, or refused by its number: then the exit code is 65. */
export async function importAccounts(
  call: Call,
  kind: AccountKind,
  accounts: Accounts<AccountTableName>,
  rules: UsernameRules,
): Promise<ExitCode> {
  const file = call.operands[0] ?? '-'
  const format = readFormat(call, file)
  const existing = readExisting(call)
  const dryRun = call.flag('dry-run')
  const { source, size } = await identify(file, kind.table)
  const doneBefore = source !== undefined && call.flag('resume') ? await accounts.importedLine(source) : 0

  const bytes = openImport(file)
  const bar = progressBar(call.terminal, dryRun ? 'checking' : 'importing', size)
  const run = new ImportRun({
    kind,
    accounts,
    rules,
    existing,
    dryRun,
    source: dryRun ? undefined : source,
    doneBefore,
    refused: async (line, user, why) => {
      bar.hide()
      await call.terminal.print(refusal(call, line, user, why))
    },
  })
  try {
    let readBytes = 0
    const counted = countBytes(bytes, count => {
      readBytes += count
    })
    for await (const line of importFormats[format].read(counted, importableColumns(kind.columns))) {
      await run.take(line)
      bar.show(readBytes)
    }
    await run.finish()
  } catch (cause) {
    bar.hide()
    throw explained(cause, file)
  } finally {
    if (run.storedUpTo > doneBefore && !run.isFinished && source !== undefined && !dryRun) {
      call.terminal.complain(
        `homing: everything up to line ${run.storedUpTo} is stored; the same command with --resume goes on behind it`,
      )
    }
  }
  bar.hide()
  await call.terminal.print(summary(call, run.totals, dryRun))
  return run.totals.refused > 0 ? exitCode.badData : exitCode.ok
}

function readFormat(call: Call, file: string): ImportFormat {
  const format = call.text('format') ?? formatOf(file)
  if (format !== undefined && isImportFormat(format)) return format
  throw new UsageError(
    format === undefined
      ? `${file} does not tell its format: --format csv, jsonl or passwd-file`
      : `--format is csv, jsonl or passwd-file, not ${format}`,
  )
}

function readExisting(call: Call): ExistingMode {
  const word = call.text('existing') ?? 'refuse'
  const mode = existingModes.find(mode => mode === word)
  if (mode === undefined) throw new UsageError(`--existing is one of ${existingModes.join(', ')}`)
  return mode
}

/** The content of the file and the table it goes into; what is piped in has neither name nor size. */
async function identify(
  file: string,
  table: string,
): Promise<{ readonly source: string | undefined; readonly size: number }> {
  if (file === '-') return { source: undefined, size: 0 }
  try {
    const found = await stat(file)
    if (!found.isFile()) return { source: undefined, size: 0 }
    const hash = createHash('sha256').update(`${table}\n`)
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
    return { source: hash.digest('hex'), size: found.size }
  } catch (cause) {
    throw explained(cause, file)
  }
}

async function* countBytes(
  bytes: AsyncIterable<Buffer | string>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer | string> {
  for await (const chunk of bytes) {
    count(chunk.length)
    yield chunk
  }
}

function explained(cause: unknown, file: string): unknown {
  if (cause instanceof WrongHeading) {
    return new CommandError(exitCode.badData, `${file}: the heading ${cause.message}`)
  }
  const { code, syscall } = cause as NodeJS.ErrnoException
  if (syscall === undefined) return cause
  return new CommandError(exitCode.badData, `${file} cannot be read: ${code}`, { cause })
}

function refusal(call: Call, line: number, user: string | undefined, why: string): string {
  if (call.json) return `${JSON.stringify({ line, ...(user !== undefined && { user }), refused: why })}\n`
  return `line ${line}${user ? ` (${visible(user)})` : ''}: ${visible(why)}\n`
}

function summary(call: Call, totals: ImportTotals, dryRun: boolean): string {
  if (call.json) return `${JSON.stringify({ dry_run: dryRun, ...totals })}\n`
  const { added, updated, skipped, refused } = totals
  const counts = `${added} added, ${updated} updated, ${skipped} there already, ${refused} refused`
  return dryRun ? `dry run, nothing was changed: ${counts}\n` : `${counts}\n`
}

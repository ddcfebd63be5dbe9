// The thread of reportBeside: one query, one answer.

import { parentPort, workerData } from 'node:worker_threads'
import { errorCode } from './database-error.js'
import { openSqliteFile } from './sqlite-file.js'
import type { SqliteReport, SqliteReportAnswer } from './sqlite-report.js'

parentPort?.postMessage(answerTo(workerData as SqliteReport))

function answerTo({ path, sql, parameters }: SqliteReport): SqliteReportAnswer {
  try {
    const database = openSqliteFile(path, { isReader: true })
    try {
      return { rows: database.prepare(sql).all(parameters) }
    } finally {
      database.close()
    }
  } catch (cause) {
    return { code: errorCode(cause), message: (cause as Error).message }
  }
}

// Long queries of a SQLite file, in a thread of their own: in this one every login would wait for their end.

import { Worker } from 'node:worker_threads'

export interface SqliteReport {
  readonly path: string
  readonly sql: string
  readonly parameters: readonly unknown[]
}

export type SqliteReportAnswer =
  | { readonly rows: readonly unknown[] }
  | { readonly code: string; readonly message: string }

const program = new URL('./sqlite-report-thread.js', import.meta.url)

/**
 * The rows. Rejects after the deadline; a statement that SQLite is in the middle of then ends by itself, and its rows are
 * thrown away.
 */
export function reportBeside<R>(report: SqliteReport, deadlineMs: number): Promise<readonly R[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { workerData: report, env: {}, execArgv: [] })
    worker.unref()
    const fail = (code: string, message: string) => reject(Object.assign(new Error(message), { code }))
    const timer = setTimeout(() => {
      fail('HOMING_DATABASE_TIMEOUT', `no answer within ${deadlineMs} ms`)
      void worker.terminate()
    }, deadlineMs)
    worker.once('message', (answer: SqliteReportAnswer) => {
      if ('rows' in answer) resolve(answer.rows as readonly R[])
      else fail(answer.code, answer.message)
    })
    worker.once('error', reject)
    worker.once('exit', () => {
      clearTimeout(timer)
      fail('HOMING_DATABASE_ERROR', 'the report ended without an answer')
    })
  })
}

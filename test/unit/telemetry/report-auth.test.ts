import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import type { OpenLogger } from '../../../src/telemetry/logger.js'
import type { Metrics } from '../../../src/telemetry/metrics.js'
import { createAuthReport } from '../../../src/telemetry/report-auth.js'

const failed: AuthEvent = {
  question: 'verify',
  result: 'internal_failure',
  user: 'anna@example.org',
  originalUser: 'anna@example.org',
  protocol: 'imap',
  trace: [],
  ms: 1,
}

function reportTo(lines: unknown[][]) {
  let counted = 0
  const write = (...line: unknown[]) => void lines.push(line)
  const log = { isLevelEnabled: () => true, error: write, warn: write, info: write }
  const metrics = { countAuth: () => counted++ }
  const report = createAuthReport(
    { log, writeEvent: write } as unknown as Pick<OpenLogger, 'log' | 'writeEvent'>,
    metrics as unknown as Metrics,
  )
  return { report, counted: () => counted }
}

t.test('of logins that are too many some have a line, and the others a number', async t => {
  const lines: unknown[][] = []
  const { report, counted } = reportTo(lines)
  for (let i = 0; i < 500; i++) report({ ...failed, overloaded: true })
  report(failed)
  t.equal(lines.length, 21, 'what fails for another reason is always told')
  t.equal(counted(), 501, 'all are counted')
  await sleep(1200)
  t.match(lines.at(-1), [{ logins: 480 }, /^overloaded/])
  report({ ...failed, overloaded: true })
  t.equal(lines.length, 23, 'the next second begins anew')
})

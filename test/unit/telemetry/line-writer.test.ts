import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { createLineWriter } from '../../../src/telemetry/line-writer.js'

const folder = t.testdir({})

t.test('lines arrive whole and in order', async t => {
  const file = join(folder, 'log')
  const fd = openSync(file, 'a')
  const writer = createLineWriter(fd)
  const lines = Array.from({ length: 5000 }, (_, n) => `line ${n}\n`)
  for (const line of lines) writer.write(line)
  await writer.flush()
  t.equal(readFileSync(file, 'utf8'), lines.join(''))
  t.equal(writer.dropped(), 0)
  closeSync(fd)
})

t.test('lines that are made later keep their place, and one that cannot be made costs no other', async t => {
  const file = join(folder, 'made')
  const fd = openSync(file, 'a')
  const writer = createLineWriter(fd)
  const expected: string[] = []
  for (let n = 0; n < 1000; n++) {
    const line = `line ${n}\n`
    expected.push(line)
    if (n % 100 === 50) writer.write(line)
    else writer.writeMade(() => line)
    if (n % 100 === 70) {
      writer.writeMade(() => {
        throw new Error('a bug')
      })
    }
  }
  await writer.flush()
  t.equal(readFileSync(file, 'utf8'), expected.join(''))
  t.equal(writer.dropped(), 10)
  closeSync(fd)
})

t.test('a line that is made later is written within a second', async t => {
  const file = join(folder, 'soon')
  const fd = openSync(file, 'a')
  const writer = createLineWriter(fd)
  writer.writeMade(() => 'line\n')
  await sleep(1500)
  t.equal(readFileSync(file, 'utf8'), 'line\n')
  await writer.flush()
  closeSync(fd)
})

t.test('a full disk costs lines, which are counted, and nothing else', async t => {
  const fd = openSync('/dev/full', 'a')
  const writer = createLineWriter(fd)
  for (let n = 0; n < 100; n++) writer.write(`line ${n}\n`)
  await writer.flush()
  t.equal(writer.dropped(), 100)
  closeSync(fd)
})

t.test('a reader that stands still costs what does not fit, and stopping does not wait for it', async t => {
  const fifo = join(folder, 'fifo')
  await promisify(execFile)('mkfifo', [fifo])
  const reader = spawn('sleep', ['30'], { stdio: [openSync(fifo, 'r+'), 'ignore', 'ignore'] })
  t.teardown(() => reader.kill())
  const fd = openSync(fifo, 'a')
  const writer = createLineWriter(fd, 200_000)
  for (let n = 0; n < 10_000; n++) writer.write(`${'x'.repeat(99)}\n`)
  const startedAt = performance.now()
  await writer.flush(200)
  t.ok(performance.now() - startedAt < 2000)
  t.equal(writer.dropped(), 8000, 'what is waiting is bounded')
  // The write that stands still ends when the last reader does.
  readAll(fifo)
})

function readAll(fifo: string): void {
  spawn('timeout', ['1', 'cat', fifo], { stdio: 'ignore' }).unref()
}

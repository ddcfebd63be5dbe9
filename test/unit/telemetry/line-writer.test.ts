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

t.test('a line that a full disk has cut off does not become the beginning of another', async t => {
  const file = join(folder, 'cut')
  // In a process of its own: the limit is the process's, and tap ends when one is met.
  const program = `
    import { execFileSync } from 'node:child_process'
    import { openSync } from 'node:fs'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { createLineWriter } from ${JSON.stringify(import.meta.resolve('../../../src/telemetry/line-writer.js'))}
    const limitFiles = size => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + size + ':'])
    const writer = createLineWriter(openSync(${JSON.stringify(file)}, 'a'))
    limitFiles('1000')
    for (let n = 0; n < 200; n++) writer.write('line ' + n + ' of the log\\n')
    while (writer.dropped() === 0) await sleep(20)
    writer.write('lost\\n')
    await sleep(1200)
    limitFiles('unlimited')
    writer.write('line after\\n')
    await writer.flush()
    process.stdout.write(String(writer.dropped()))`
  const { stdout: dropped } = await promisify(execFile)(process.execPath, [
    ...['--input-type=module', '--eval', program],
  ])
  const lines = readFileSync(file, 'utf8').split('\n')
  t.same(lines.slice(-2), ['line after', ''])
  const whole = lines.filter(line => /^line \d+ of the log$/.test(line)).length
  t.ok(whole > 10)
  t.equal(Number(dropped), 201 - whole, 'each line that is not whole is counted, and no other')
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

// `homing serve` as a user runs it: what it says, what signals do, and what is in the way of a start.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { commandLine } from './command-line.js'

const { folder, program, run, homing, environment, running } = commandLine(t)

interface Served {
  readonly child: ChildProcess
  /** What it has printed so far. */
  readonly output: Readonly<{ out: string; err: string }>
  readonly ready: string
  stop(signal: NodeJS.Signals): Promise<{ code: number | null; out: string; err: string }>
}

const readyLine = /^Homing is ready.*\n/m

/** Starts `homing serve`; resolves when it says that it is ready. */
async function serve(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Served> {
  const child = spawn(process.execPath, [program, 'serve', '--listen', '127.0.0.1:0', ...args], {
    cwd: folder,
    env: environment(more),
  })
  running.add(child)
  const output = { out: '', err: '' }
  child.stderr.on('data', chunk => {
    output.err += chunk
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', chunk => {
      output.out += chunk
      // On a busy machine a second has passed, and lines of the log stand before it.
      if (readyLine.test(output.out)) resolve()
    })
    child.once('exit', code => reject(new Error(`exit ${code}: ${output.err}`)))
  })
  return {
    child,
    output,
    ready: output.out.slice(output.out.search(readyLine)),
    stop: async signal => {
      child.kill(signal)
      const [code] = await once(child, 'exit')
      running.delete(child)
      return { code, ...output }
    },
  }
}

const addressIn = (text: string) => /127\.0\.0\.1:[0-9]+/.exec(text)?.[0] ?? ''

t.test('serve says where it answers, and stops with exit code 0 on SIGTERM and on SIGINT', async t => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const service = await serve([])
    t.match(
      service.ready,
      /^Homing is ready on 127\.0\.0\.1:\d+ · sqlite:\.\/data\/homing\.db · passdbs proxy → local\n/,
    )
    const response = await fetch(`http://${addressIn(service.ready)}/readyz`)
    t.equal(response.status, 200)
    await response.text()
    t.match(await service.stop(signal), { code: 0, err: '' })
  }
})

t.test('with every door open it prints its log and nothing beside it', async t => {
  const doors = { HOMING_ADMIN_LISTEN: `unix:${folder}/admin.sock`, HOMING_POLICY_LISTEN: '127.0.0.1:0' }
  const { out, err } = await (await serve([], doors)).stop('SIGTERM')
  t.equal(err, '')
  const lines = out.split('\n').filter(line => line !== '' && !line.startsWith('Homing is '))
  for (const line of lines) t.doesNotThrow(() => JSON.parse(line), line)
})

t.test('a second signal ends a stop that takes its time', async t => {
  const service = await serve(['--set', 'shutdown_delay=30 secs'])
  service.child.kill('SIGTERM')
  await new Promise(resolve => setTimeout(resolve, 700))
  t.match(service.child, { exitCode: null, signalCode: null })
  const startedAt = performance.now()
  t.not((await service.stop('SIGTERM')).code, 0)
  t.ok(performance.now() - startedAt < 5000)
})

t.test('Ctrl-C under npm, which arrives twice, is one signal', async t => {
  const service = await serve(['--set', 'shutdown_delay=1 sec'])
  service.child.kill('SIGINT')
  await new Promise(resolve => setTimeout(resolve, 50))
  t.match(await service.stop('SIGINT'), { code: 0, err: '' })
})

t.test('an address that is taken is one sentence and exit code 69', async t => {
  const service = await serve([])
  const other = ['--set', 'database_url=sqlite:./data/other.db']
  const taken = homing('serve', '--listen', addressIn(service.ready), ...other)
  t.equal(taken.code, 69)
  t.match(taken.err, /^homing: cannot start: .*EADDRINUSE[^\n]*\n$/)
  await service.stop('SIGTERM')
})

t.test('serve --demo adds the guide’s users, and its curl lines give the answers that it prints', async t => {
  const database = `sqlite:${join(folder, 'demo', 'homing.db')}`
  for (const time of ['first', 'second']) {
    const service = await serve(['--demo'], { HOMING_DATABASE_URL: database })
    const out = await printed(service, 3)
    const questions = [...out.matchAll(/^# (.*); the answer is (.*)\n(curl .*)$/gm)]
    t.equal(questions.length, 3, time)
    for (const [, who, answer, curl] of questions) {
      t.equal(execFileSync('sh', ['-c', curl ?? 'false'], { encoding: 'utf8' }).trim(), answer, `${who}`)
    }
    await service.stop('SIGTERM')
  }
  const users = run(['user', '*'], { env: { HOMING_DATABASE_URL: database } }).out
  t.equal(users, 'jane@domain2.com\njohn@domain1.com\nuser1@domain1.com\nuser2@domain2.com\n')
  t.match(run(['serve', '--demo'], { env: { HOMING_DATABASE_URL: 'mysql://homing@127.0.0.1:1/mail' } }), {
    code: 64,
    err: /--demo adds users with a known password, and not to mysql/,
  })
})

/** All that it has printed, once so many curl lines are in it. */
async function printed({ output }: Served, curls: number): Promise<string> {
  while ((output.out.match(/^curl .*\n/gm) ?? []).length < curls) await sleep(10)
  return output.out
}

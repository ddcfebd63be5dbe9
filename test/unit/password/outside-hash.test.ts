// What another process computes ends with the thread that asked for it: nothing is left behind, and nothing aborts.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const pool = fileURLToPath(new URL('../../../src/password/hash-pool.js', import.meta.url))

/** In a process of its own, since what is tested for is its end. */
function run(timeLimitMs: number, then: string) {
  const script = `
    import { readdirSync, readFileSync } from 'node:fs'
    import { HashPool } from ${JSON.stringify(pool)}
    const pool = new HashPool({ threads: 2, queueLimit: 10, timeoutMs: 5000, maxWaitMs: 5000,
      timeLimitMs: ${timeLimitMs}, memoryLimitBytes: 2 ** 30 })
    await pool.warmUp()
    const argon2 = { kind: 'argon2id', salt: Buffer.alloc(16), memoryKiB: 65536, passes: 6, lanes: 1, bytes: 32 }
    const yescrypt = { kind: 'yescrypt', salt: Buffer.from('$y$jDT$saltsalt$'), work: 1, memoryBytes: 2 ** 29 }
    const ask = (hash = argon2) => pool.submit({ hash, password: Buffer.from('x'), user: 'anna' }).outcome
    const parentOf = pid => {
      try { return Number(/ppid:\\s*(\\d+)/i.exec(readFileSync('/proc/' + pid + '/status', 'latin1'))[1]) } catch {}
    }
    const children = () => readdirSync('/proc').filter(name => parentOf(name) === process.pid).length
    const untilNone = async () => {
      for (let n = 0; n < 40 && children() > 0; n++) await sleep(50)
      return children()
    }
    const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
    ${then}
  `
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  })
}

t.test('a thread that takes too long over argon2 is replaced', async t => {
  const { status, signal, stdout, stderr } = run(
    30,
    `for (let n = 0; n < 4; n++) console.log(JSON.stringify(await ask()))
     console.log('lost', pool.stats.threadsLost > 0)
     await pool.close()
     console.log('end')`,
  )
  t.match({ status, signal }, { status: 0, signal: null }, stderr)
  t.match(stdout, /"unavailable":"the hash thread took too long"/)
  t.match(stdout, /lost true\nend\n$/)
})

t.test('a service that stops in the middle of argon2 stops in good order', async t => {
  const { status, signal, stdout, stderr } = run(
    4000,
    `const asked = [ask(), ask(), ask()]
     await sleep(40)
     await pool.close()
     console.log(JSON.stringify(await Promise.all(asked)))`,
  )
  t.match({ status, signal }, { status: 0, signal: null }, stderr)
  t.match(stdout, /the service is stopping/)
})

/** A process that has ended may be there until somebody asks how. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

/** Takes many times longer than the tests wait for its end. */
const long = { argon2: '{ ...argon2, passes: 500 }', yescrypt: 'yescrypt' }

for (const [name, hash] of Object.entries(long)) {
  t.test(`${name} that takes too long is ended with its thread`, { skip: !existsSync('/proc/self') }, t => {
    const { stdout, stderr } = run(
      200,
      `console.log(JSON.stringify(await ask(${hash})))
       console.log('left', await untilNone())
       process.exit()`,
    )
    t.match(stdout, /took too long/, stderr)
    t.match(stdout, /left 0\n$/)
    t.end()
  })

  t.test(`${name} ends with a service that is killed`, { skip: !existsSync('/proc/self') }, async t => {
    const { signal, stdout, stderr } = run(
      60_000,
      `void ask(${hash})
       await sleep(500)
       console.log(JSON.stringify(readdirSync('/proc').filter(name => parentOf(name) === process.pid)))
       process.kill(process.pid, 'SIGKILL')`,
    )
    t.equal(signal, 'SIGKILL', stderr)
    const pids: string[] = JSON.parse(stdout)
    t.equal(pids.length, 1)
    const left = () => pids.filter(runs)
    for (let n = 0; n < 60 && left().length > 0; n++) await sleep(50)
    t.strictSame(left(), [])
    for (const pid of left()) process.kill(Number(pid), 'SIGKILL')
  })

  t.test(`a service that stops does not wait for ${name}`, { skip: !existsSync('/proc/self') }, t => {
    const { status, stdout, stderr } = run(
      60_000,
      `void ask(${hash})
       await sleep(500)
       const start = performance.now()
       await pool.close()
       console.log('in time', performance.now() - start < 2000, 'left', await untilNone())`,
    )
    t.equal(status, 0, stderr)
    t.match(stdout, /in time true left 0\n$/)
    t.end()
  })
}

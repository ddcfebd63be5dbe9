// argon2 is computed beside its thread, and cannot be stopped: the process must outlive a thread that is given up.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const pool = fileURLToPath(new URL('../../../src/password/hash-pool.js', import.meta.url))

/** In a process of its own, since what is tested for is its end. */
function run(timeLimitMs: number, then: string) {
  const script = `
    import { HashPool } from ${JSON.stringify(pool)}
    const pool = new HashPool({ threads: 2, queueLimit: 10, timeoutMs: 5000, maxWaitMs: 5000,
      timeLimitMs: ${timeLimitMs}, memoryLimitBytes: 2 ** 30 })
    await pool.warmUp()
    const hash = { kind: 'argon2id', salt: Buffer.alloc(16), memoryKiB: 65536, passes: 6, lanes: 1, bytes: 32 }
    const ask = () => pool.submit({ hash, password: Buffer.from('x'), user: 'anna' }).outcome
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

// npm run bench -- password [--seconds N] [--rounds N]
//
// Verifications per second and core: SHA512-CRYPT beside libxcrypt's crypt_r in turn, alone and with many waiting;
// what the pool makes of it; the other schemes for information; an overload; and whether time tells who exists.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Password } from '../../src/model/password.js'
import { chooseShaCrypt } from '../../src/password/choose-sha-crypt.js'
import { createPasswordVerifier } from '../../src/password/create-password-verifier.js'
import { generatePassword } from '../../src/password/generate-password.js'
import type { PasswordVerifier } from '../../src/password/password-verifier.js'
import { schemes } from '../../src/password/schemes.js'
import type { ShaCryptEngine, ShaCryptHash } from '../../src/password/sha-crypt-engine.js'
import { buildLibxcrypt, type Libxcrypt } from './libxcrypt.js'
import { load, loadUntil, max, mib, newHash, quartiles, secret, timed } from './password-load.js'
import { median, quantile } from './quantile.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '0.4' },
    rounds: { type: 'string', default: '9' },
    samples: { type: 'string', default: '10000' },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)

const salt = 'saltsaltsaltsalt'
const libxcrypt = buildLibxcrypt()

async function benchShaCrypt(hash: ShaCryptHash, prefix: string): Promise<void> {
  const { single, many } = chooseShaCrypt(hash)
  const reference: Libxcrypt | undefined = 'close' in libxcrypt ? libxcrypt : undefined
  const rows: Record<string, () => number> = {
    ...(reference ? { libxcrypt: () => reference.perSecond(secret, prefix + salt, seconds) } : {}),
    [`${single.name}, one at a time`]: () => engineSpeed(single),
    [`${many.name}, ${many.lanes} together`]: () => engineSpeed(many),
  }
  title(
    `${hash.toUpperCase()}-CRYPT, 5000 rounds, ${secret.length} characters, per second of CPU on one core`,
  )
  if ('missing' in libxcrypt) console.log(`  libxcrypt: not measured, ${libxcrypt.missing}`)
  for (let i = 0; i < 3; i++) for (const row of Object.values(rows)) row()
  const measured = inTurn(rows)
  const base = measured.libxcrypt
  for (const [name, all] of Object.entries(measured)) {
    const ratios = base ? all.map((value, i) => value / (base[i] ?? value)) : []
    const ratio = base ? `  ${median(ratios).toFixed(2)} of libxcrypt (${quartiles(ratios)})` : ''
    console.log(
      `  ${name.padEnd(28)} ${median(all).toFixed(0).padStart(6)}  best ${max(all).toFixed(0)}${ratio}`,
    )
  }
  const blocks = compressionsPerSecond(hash)
  const perVerify = 5000 + 25
  console.log(
    `  ${'limit of one lane'.padEnd(28)} ${(blocks / perVerify).toFixed(0).padStart(6)}  (OpenSSL: ${(blocks / 1e6).toFixed(1)} million compressions per second, ${perVerify} per verification)`,
  )
}

function engineSpeed(engine: ShaCryptEngine): number {
  const input = { password: Buffer.from(secret), salt: Buffer.from(salt), rounds: 5000 }
  const inputs = Array<typeof input>(engine.lanes).fill(input)
  let count = 0
  const used = cpuSeconds(end => {
    while (!end()) {
      engine.digests(inputs)
      count += engine.lanes
    }
  })
  return count / used
}

/** How fast OpenSSL compresses when it may go on: the bound of one lane. */
function compressionsPerSecond(hash: ShaCryptHash): number {
  const megabyte = Buffer.alloc(2 ** 20)
  const blockBytes = hash === 'sha512' ? 128 : 64
  const runs = Array.from({ length: 5 }, () => {
    let blocks = 0
    const used = cpuSeconds(end => {
      while (!end()) {
        createHash(hash).update(megabyte).digest()
        blocks += megabyte.length / blockBytes
      }
    })
    return blocks / used
  })
  return max(runs)
}

async function benchPool(): Promise<void> {
  title('SHA512-CRYPT through the pool, 5000 rounds')
  for (const [threads, outstanding] of [
    [1, 1],
    [1, 32],
    [2, 64],
  ] as const) {
    const verifier = createPasswordVerifier({ auth_hash_workers: threads })
    await verifier.warmUp()
    if (threads === 1 && outstanding === 1) for (const way of verifier.describe()) console.log(`  ${way}`)
    const stored = await newHash('SHA512-CRYPT')
    await load(verifier, stored, outstanding, 300)
    const before = process.cpuUsage()
    const { perSecond, count } = await load(verifier, stored, outstanding, seconds * 4000)
    const { user, system } = process.cpuUsage(before)
    console.log(
      `  ${threads} thread(s), ${String(outstanding).padStart(2)} waiting: ${perSecond.toFixed(0)} per second, ${((user + system) / count).toFixed(0)} us of CPU each, all threads together`,
    )
    await verifier.close()
  }
}

async function benchSchemes(): Promise<void> {
  title('Every scheme, as new values of it are made, one thread, one at a time')
  const verifier = createPasswordVerifier({ auth_hash_workers: 1, auth_allow_weak_schemes: true })
  await verifier.warmUp()
  for (const scheme of Object.keys(schemes)) {
    const made = await generatePassword(scheme, new Password(secret), { user: 'anna@example.org' })
    if ('refused' in made) continue
    await load(verifier, made.stored, 1, 50)
    const { perSecond } = await load(verifier, made.stored, 1, 300)
    console.log(`  ${scheme.padEnd(16)} ${perSecond.toFixed(perSecond < 100 ? 1 : 0).padStart(8)} per second`)
  }
  await verifier.close()
}

/** While all threads are busy: what a verification that needs no hash feels of it. */
async function benchSaturation(): Promise<void> {
  title('A PLAIN verification and a timer, idle and with every hash thread busy')
  const verifier = createPasswordVerifier()
  await verifier.warmUp()
  const stored = await newHash('SHA512-CRYPT')
  const idle = await latencies(verifier)
  let isOver = false
  const busy = loadUntil(verifier, stored, 64, () => isOver)
  await pause(300)
  const saturated = await latencies(verifier)
  isOver = true
  await busy
  console.log(`  idle      ${idle}`)
  console.log(`  saturated ${saturated}`)
  await verifier.close()
}

async function latencies(verifier: PasswordVerifier): Promise<string> {
  const took: number[] = []
  const late: number[] = []
  const plain = '{PLAIN}secret'
  const end = performance.now() + 1500
  while (performance.now() < end) {
    const start = performance.now()
    await verifier.verify(plain, new Password('secret'), { user: 'anna' })
    const middle = performance.now()
    await pause(1)
    took.push(middle - start)
    late.push(performance.now() - middle - 1)
  }
  const text = (all: number[]) =>
    `p50 ${quantile(all, 0.5).toFixed(3)} ms, p99 ${quantile(all, 0.99).toFixed(3)} ms`
  return `PLAIN ${text(took)}; a timer of 1 ms is late by ${text(late)}`
}

async function benchOverload(): Promise<void> {
  title('Twenty times as many logins as can be hashed')
  const verifier = createPasswordVerifier()
  await verifier.warmUp()
  const stored = await newHash('SHA512-CRYPT')
  await load(verifier, stored, 64, 500)
  const { perSecond: capacity } = await load(verifier, stored, 64, 2000)
  const wanted = capacity * 20
  const answers = { done: 0, refused: 0, latest: 0 }
  const refusedAfter: number[] = []
  const memory = process.memoryUsage.rss()
  const start = performance.now()
  const asked: Promise<void>[] = []
  let n = 0
  while (performance.now() - start < 6000) {
    const due = ((performance.now() - start) / 1000) * wanted
    for (; n < due; n++) asked.push(askOnce(verifier, stored, n, answers, refusedAfter))
    await pause(2)
  }
  const inTime = answers.done / ((performance.now() - start) / 1000)
  const memoryUnderLoad = process.memoryUsage.rss()
  await Promise.all(asked)
  console.log(
    `  ${wanted.toFixed(0)} asked per second: ${inTime.toFixed(0)} answered (${((100 * inTime) / capacity).toFixed(0)} % of the ${capacity.toFixed(0)} that can be), slowest ${answers.latest.toFixed(0)} ms; ${answers.refused} refused, after ${quantile(refusedAfter, 0.5).toFixed(2)} ms at the median, ${quantile(refusedAfter, 0.99).toFixed(0)} ms at p99`,
  )
  console.log(
    `  resident ${mib(memory)} before, ${mib(memoryUnderLoad)} under load; ${JSON.stringify(verifier.stats())}`,
  )
  await verifier.close()
}

async function askOnce(
  verifier: PasswordVerifier,
  stored: string,
  n: number,
  answers: { done: number; refused: number; latest: number },
  refusedAfter: number[],
): Promise<void> {
  const start = performance.now()
  const { verdict } = await verifier.verify(stored, new Password(`wrong ${n}`), { user: `user ${n % 5000}` })
  const took = performance.now() - start
  if (verdict === 'unavailable') {
    answers.refused++
    refusedAfter.push(took)
  } else {
    answers.done++
    answers.latest = Math.max(answers.latest, took)
  }
}

async function benchUnknownUser(samples: number): Promise<void> {
  title(`Does time tell who exists? ${samples} samples each, in turn`)
  const verifier = createPasswordVerifier({ auth_hash_workers: 1 })
  await verifier.warmUp()
  const stored = await newHash('SHA512-CRYPT')
  const wrong: number[] = []
  const unknown: number[] = []
  for (let i = 0; i < samples; i++) {
    const password = new Password(`wrong ${i}`)
    const context = { user: 'anna@example.org' }
    const first = async () => wrong.push(await timed(async () => verifier.verify(stored, password, context)))
    const second = async () => unknown.push(await timed(() => verifier.verifyNothing(password, context)))
    if (i % 2 === 0) await first()
    await second()
    if (i % 2 !== 0) await first()
  }
  const [a, b] = [quantile(wrong, 0.5), quantile(unknown, 0.5)]
  console.log(
    `  wrong password ${a.toFixed(3)} ms, unknown user ${b.toFixed(3)} ms: ${(100 * (b / a - 1)).toFixed(2)} % apart`,
  )
  await verifier.close()
}

// ---- Figures -----------------------------------------------------------------------------------------------------

/** Measures every row once, then every row again: what disturbs the machine disturbs all. */
function inTurn<K extends string>(rows: Record<K, () => number>): Record<K, number[]> {
  const names = Object.keys(rows) as K[]
  const measured = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<K, number[]>
  for (let i = 0; i < rounds; i++) for (const name of names) measured[name].push(rows[name]())
  return measured
}

function cpuSeconds(work: (end: () => boolean) => void): number {
  const before = process.cpuUsage()
  const start = performance.now()
  work(() => performance.now() - start > seconds * 1000)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/**
 * This thread and the programs it starts, on these cores. What is compared shares one: beside each core there may be another
 * one's load that slows it, and not both sides alike.
 */
function stayOn(cores: string): void {
  const { error } = spawnSync('taskset', ['--cpu-list', '--pid', cores, String(process.pid)])
  if (error) console.log(`not kept on core ${cores}: ${error.message}`)
}

function title(text: string): void {
  console.log(`\n${text}`)
}

// ---- The run -----------------------------------------------------------------------------------------------------

const allCores = `0-${availableParallelism() - 1}`
stayOn('0')
await benchShaCrypt('sha512', '$6$')
await benchShaCrypt('sha256', '$5$')
stayOn(allCores)
await benchPool()
await benchSchemes()
await benchSaturation()
await benchOverload()
await benchUnknownUser(Number(values.samples))
if ('close' in libxcrypt) libxcrypt.close()

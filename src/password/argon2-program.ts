// What computes argon2, in a process of its own: the package does it in threads that nobody can stop, and aborts the process
// when the thread that asked is gone by then (argon2 0.44).

import { createInterface } from 'node:readline'
import type { Argon2Answer, Argon2Question } from './compute-argon2.js'

/** argon2's own names for its kinds. */
const types = { argon2i: 1, argon2id: 2 } as const

// Whoever asked is gone, killed perhaps: nobody else ends what is being computed, for minutes and in a gigabyte.
// An exit would wait for it.
const end = () => process.kill(process.pid, 'SIGKILL')
process.stdin.on('end', end)
process.stdout.on('error', end)
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answerTo(JSON.parse(line)))}\n`)
}

async function answerTo({ kind, salt, password, ...costs }: Argon2Question): Promise<Argon2Answer> {
  const argon2 = await import('argon2').catch(() => undefined)
  if (!argon2) return { notAvailable: 'the package argon2 has no build for this platform' }
  try {
    const digest = await argon2.hash(Buffer.from(password, 'hex'), {
      raw: true,
      type: types[kind],
      version: 0x13,
      salt: Buffer.from(salt, 'hex'),
      memoryCost: costs.memoryKiB,
      timeCost: costs.passes,
      parallelism: costs.lanes,
      hashLength: costs.bytes,
    })
    return { digest: digest.toString('hex') }
  } catch (cause) {
    return { failed: cause instanceof Error ? cause.message : 'unknown' }
  }
}

// crypt(3) methods that only the platform's own libcrypt computes: yescrypt and what else libxcrypt knows.

import { decode64Number, decodeFixed64Number } from './crypt-base64.js'
import { type Comparison, type HashLimits, malformed } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'
import { PASSWORD_MAX } from './sha-crypt-engine.js'
import type { PlatformCrypt } from './slow-hash.js'

interface Cost {
  readonly work: number
  readonly memoryBytes?: number
  /** Times that the memory is filled. */
  readonly passes?: number
  readonly rounds?: number
}

interface PlatformMethod {
  /** As crypt(5) calls it. */
  readonly name: string
  readonly kind: PlatformCrypt['kind']
  /** What a whole value looks like: setting, digest. */
  readonly format: RegExp
  /** How much the setting asks for; undefined when it cannot be read. */
  cost(setting: string): Cost | undefined
  readonly weakAs?: string
}

const methods: readonly PlatformMethod[] = [
  { name: 'yescrypt', kind: 'yescrypt', format: /^(\$y\$.+\$)([./0-9A-Za-z]{43})$/, cost: yescryptCost },
  {
    name: 'gost-yescrypt',
    kind: 'gost-yescrypt',
    format: /^(\$gy\$.+\$)([./0-9A-Za-z]{43})$/,
    cost: yescryptCost,
  },
  { name: 'scrypt', kind: 'scrypt', format: /^(\$7\$.+\$)([./0-9A-Za-z]{43})$/, cost: scryptCost },
  {
    name: 'sha1crypt',
    kind: 'sha1-crypt',
    format: /^(\$sha1\$\d{1,9}\$[./0-9A-Za-z]{1,64}\$)([./0-9A-Za-z]{28})$/,
    cost: setting => ofRounds(Number(setting.split('$')[2])),
  },
  {
    name: 'SunMD5',
    kind: 'sun-md5',
    format: /^(\$md5(?:,rounds=\d{1,9})?\$[./0-9A-Za-z]{1,64}\$\$?)([./0-9A-Za-z]{22})$/,
    cost: setting => ofRounds(4096 + Number(/rounds=(\d+)/.exec(setting)?.[1] ?? 0)),
    weakAs: 'MD5-CRYPT',
  },
  {
    name: 'BSDi extended DES',
    kind: 'bsdi-crypt',
    format: /^(_[./0-9A-Za-z]{8})([./0-9A-Za-z]{11})$/,
    cost: setting => ofRounds(decodeFixed64Number(setting.slice(1, 5))),
    weakAs: 'DES-CRYPT',
  },
  {
    name: 'NTHASH',
    kind: 'nt-hash',
    format: /^(\$3\$\$)([0-9a-f]{32})$/,
    cost: () => ({ work: 1 }),
    weakAs: 'PLAIN-MD4',
  },
]

/** Reads a value of the method that is called so in crypt(5). */
export function readPlatformCrypt(name: string): (text: string, limits: HashLimits) => Comparison {
  const method = methods.find(known => known.name === name)
  if (!method) throw new Error(`no method ${name}`)
  return (text, limits) => {
    const [, setting = '', digest] = method.format.exec(text) ?? []
    const cost = method.cost(setting)
    if (digest === undefined || !cost) return malformed(`${name} that is cut or damaged`)
    const tooMuch = above(cost, limits)
    if (tooMuch !== undefined) return malformed(`${name} with ${tooMuch}`)
    const expected = Buffer.from(text, 'latin1')
    const { kind, weakAs } = method
    const { work, memoryBytes = 0 } = cost
    return {
      kind: 'slow',
      hash: { kind, salt: Buffer.from(setting, 'latin1'), work, memoryBytes },
      passwordMax: PASSWORD_MAX,
      matches: computed => sameBytes(computed, expected),
      ...(weakAs === undefined ? {} : { weakAs }),
    }
  }
}

function above({ memoryBytes = 0, passes = 0, rounds = 0 }: Cost, limits: HashLimits): string | undefined {
  if (memoryBytes > limits.memoryBytes) return 'more memory than auth_hash_memory_limit'
  if (passes > limits.maxPasses) return `${passes} passes, more than auth_hash_max_passes`
  if (rounds > limits.maxRounds) return `${rounds} rounds, more than auth_hash_max_rounds`
  return undefined
}

const ofRounds = (rounds: number | undefined): Cost | undefined =>
  rounds === undefined || rounds === 0 ? undefined : { work: rounds, rounds }

const ofBlocks = (n: number, r: number, passes: number): Cost => ({
  work: n * r * passes,
  memoryBytes: 128 * r * n,
  passes,
})

/** `$7$`, log N in one character, r and p in five each (libxcrypt alg-yescrypt-common.c:yescrypt_r). */
function scryptCost(setting: string): Cost | undefined {
  const logN = decodeFixed64Number(setting.slice(3, 4))
  const r = decodeFixed64Number(setting.slice(4, 9))
  const p = decodeFixed64Number(setting.slice(9, 14))
  return logN && r && p ? ofBlocks(2 ** logN, r, p) : undefined
}

/** `$y$`, flavour, log N and r, and further numbers that a bit mask announces (the same function). */
function yescryptCost(setting: string): Cost | undefined {
  const parameters = setting.split('$')[2] ?? ''
  let from = 0
  let isWhole = true
  const next = (least: number): number => {
    const read = decode64Number(parameters, from, least)
    if (!read) isWhole = false
    from = read?.end ?? from
    return read?.value ?? least
  }
  next(0)
  const logN = next(1)
  const r = next(1)
  const further = from < parameters.length ? next(1) : 0
  const p = further & 1 ? next(2) : 1
  const t = further & 2 ? next(1) : 0
  return isWhole && logN < 64 ? ofBlocks(2 ** logN, r, p * (1 + t)) : undefined
}

// MD4, and MD5's state after one block: what node:crypto does not offer (OpenSSL 3 has retired MD4, and hides states).

type State = [number, number, number, number]

const initialState: Readonly<State> = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]

/** The MD4 digest (RFC 1320), 16 bytes. */
export function md4(message: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil((message.length + 9) / 64) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  padded.writeUInt32LE((message.length * 8) >>> 0, padded.length - 8)
  padded.writeUInt32LE(Math.floor(message.length / 2 ** 29), padded.length - 4)
  let state: State = [...initialState]
  for (let at = 0; at < padded.length; at += 64) state = md4Block(state, padded.subarray(at, at + 64))
  return bytesOf(state)
}

/** MD5's state after this one block of 64 bytes (RFC 1321): half of what CRAM-MD5 stores. */
export const md5StateAfter = (block: Uint8Array): Buffer => bytesOf(md5Block([...initialState], block))

const f = (x: number, y: number, z: number) => (x & y) | (~x & z)
const g = (x: number, y: number, z: number) => (x & y) | (x & z) | (y & z)
const h = (x: number, y: number, z: number) => x ^ y ^ z

interface Md4Round {
  readonly mix: (x: number, y: number, z: number) => number
  readonly constant: number
  readonly order: readonly number[]
  readonly shifts: readonly number[]
}

const md4Rounds: readonly Md4Round[] = [
  { mix: f, constant: 0, order: order(i => i), shifts: [3, 7, 11, 19] },
  { mix: g, constant: 0x5a827999, order: order(i => (i >> 2) | ((i & 3) << 2)), shifts: [3, 5, 9, 13] },
  { mix: h, constant: 0x6ed9eba1, order: order(reverseBits), shifts: [3, 9, 11, 15] },
]

function md4Block(state: State, block: Uint8Array): State {
  return addStates(
    state,
    md4Rounds
      .flatMap(({ mix, constant, order, shifts }) =>
        order.map((word, i) => ({ word, shift: shifts[i & 3] ?? 0, constant, mix })),
      )
      .reduce<State>(
        ([a, b, c, d], { word, shift, constant, mix }) => [
          d,
          rotate(a + mix(b, c, d) + wordAt(block, word) + constant, shift),
          b,
          c,
        ],
        state,
      ),
  )
}

const md5Shifts = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const

const md5Rounds = [
  { mix: f, word: (i: number) => i },
  { mix: (x: number, y: number, z: number) => f(z, x, y), word: (i: number) => (5 * i + 1) & 15 },
  { mix: h, word: (i: number) => (3 * i + 5) & 15 },
  { mix: (x: number, y: number, z: number) => y ^ (x | ~z), word: (i: number) => (7 * i) & 15 },
] as const

function md5Block(state: State, block: Uint8Array): State {
  let [a, b, c, d] = state
  for (const [r, { mix, word }] of md5Rounds.entries()) {
    for (let i = 0; i < 16; i++) {
      const constant = Math.floor(Math.abs(Math.sin(16 * r + i + 1)) * 2 ** 32)
      const sum = a + mix(b, c, d) + wordAt(block, word(i)) + constant
      ;[a, b, c, d] = [d, (b + rotate(sum, md5Shifts[r]?.[i & 3] ?? 0)) | 0, b, c]
    }
  }
  return addStates(state, [a, b, c, d])
}

function order(position: (i: number) => number): readonly number[] {
  return Array.from({ length: 16 }, (_, i) => position(i))
}

function reverseBits(i: number): number {
  return ((i & 1) << 3) | ((i & 2) << 1) | ((i & 4) >> 1) | ((i & 8) >> 3)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | ((value | 0) >>> (32 - bits))
}

function wordAt(block: Uint8Array, i: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = block.subarray(4 * i, 4 * i + 4)
  return a | (b << 8) | (c << 16) | (d << 24)
}

const addStates = (x: State, y: State): State =>
  [x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3]].map(n => n | 0) as State

function bytesOf(state: State): Buffer {
  const bytes = Buffer.alloc(16)
  state.forEach((word, i) => {
    bytes.writeInt32LE(word | 0, 4 * i)
  })
  return bytes
}

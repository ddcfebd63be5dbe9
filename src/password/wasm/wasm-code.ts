// Instructions and modules of WebAssembly as bytes: just enough to emit a hash function at start-up.

/** Bytes, nested as they were put together; they are laid flat once, at the end. */
export type Code = readonly (number | Code)[]

export const I32 = 0x7f
export const I64 = 0x7e
export const V128 = 0x7b

/** Instructions one after the other. */
export const code = (...parts: readonly Code[]): Code => parts

/** Unsigned LEB128. */
export function unsigned(value: number): Bytes {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

/** Signed LEB128. */
export function signed(value: bigint): Bytes {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    const isLast = rest === (low & 0x40 ? -1n : 0n)
    bytes.push(isLast ? low : low | 0x80)
    if (isLast) return bytes
  }
}

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number): Code => [0x21, ...unsigned(local)]
export const tee = (local: number): Code => [0x22, ...unsigned(local)]
export const call = (fn: number): Code => [0x10, ...unsigned(fn)]

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(BigInt(value))],
  load: (offset: number): Code => [0x28, 2, ...unsigned(offset)],
  store: (offset: number): Code => [0x36, 2, ...unsigned(offset)],
  eq: [0x46] as Code,
  ne: [0x47] as Code,
  add: [0x6a] as Code,
  sub: [0x6b] as Code,
  /** Of the two values below, the lower one if the condition on top is not zero. */
  select: [0x1b] as Code,
} as const

/** Repeats while `condition`, which stands after the body, leaves something other than zero. */
export const loop = (body: Code, condition: Code): Code => [0x03, 0x40, body, condition, 0x0d, 0, 0x0b]

export interface WasmFunction {
  readonly exportAs?: string
  readonly parameters: readonly number[]
  readonly locals: readonly number[]
  readonly body: Code
}

/** A module of these functions, none returning anything, over the memory imported as `env.memory`. */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array {
  const types = functions.map(f => [0x60, ...vector(f.parameters.map(p => [p])), 0])
  const memory = [...name('env'), ...name('memory'), 2, 0, 1]
  const exported = functions.flatMap((f, i) =>
    f.exportAs === undefined ? [] : [[...name(f.exportAs), 0, ...unsigned(i)]],
  )
  const bodies = functions.map(f => {
    const body = flat([...vector(f.locals.map(l => [1, l])), f.body, 0x0b])
    return [...unsigned(body.length), ...body]
  })
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(exported)),
    ...section(10, vector(bodies)),
  ])
}

type Bytes = readonly number[]

const vector = (items: readonly Bytes[]): Bytes => [...unsigned(items.length), ...items.flat()]
const section = (id: number, content: Bytes): Bytes => [id, ...unsigned(content.length), ...content]
const name = (text: string): Bytes => [...unsigned(text.length), ...Buffer.from(text)]

function flat(nested: Code, into: number[] = []): number[] {
  for (const part of nested) {
    if (typeof part === 'number') into.push(part)
    else flat(part, into)
  }
  return into
}

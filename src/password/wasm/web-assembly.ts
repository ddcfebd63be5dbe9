// The part of the WebAssembly API that we use. Absent where the platform has none (node --jitless).

interface WasmMemory {
  readonly buffer: ArrayBuffer
}

export interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Record<string, unknown>>>,
  ) => {
    readonly exports: Readonly<Record<string, unknown>>
  }
  readonly Memory: new (limits: { initial: number }) => WasmMemory
}

export const webAssembly = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly

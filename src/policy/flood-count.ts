// How often something was counted in the last window, in memory of a fixed size: never less than it was, sometimes more.
// (Cormode and Muthukrishnan's count-min sketch, in two halves that follow each other.)
//
// Groups that were used long ago are forgotten when memory is full. A flood of invented names could so make room for the next
// guesses at one account; it cannot do so here.

import { randomBytes } from 'node:crypto'

const ROWS = 4
const MOST = 255

export class FloodCount {
  readonly #windowMs: number
  readonly #seed = randomBytes(4).readInt32LE()
  readonly #mask: number
  readonly #places = new Uint32Array(ROWS)
  #now: Uint8Array
  #before: Uint8Array
  #begunMs: number

  /** `cells`, a power of two, for each of four rows and two windows. */
  constructor(cells: number, windowMs: number, nowMs: number) {
    this.#windowMs = windowMs
    this.#mask = cells - 1
    this.#now = new Uint8Array(cells * ROWS)
    this.#before = new Uint8Array(cells * ROWS)
    this.#begunMs = nowMs
  }

  get bytes(): number {
    return 2 * this.#now.length
  }

  /** `more` is 1 or -1; once a cell is full it stays so until the window is over. */
  add(name: string, nowMs: number, more: 1 | -1): void {
    this.#turn(nowMs)
    for (const place of this.#placesOf(name)) {
      const count = this.#now[place] ?? 0
      if (count < MOST && count + more >= 0) this.#now[place] = count + more
    }
  }

  count(name: string, nowMs: number): number {
    this.#turn(nowMs)
    const left = 1 - (nowMs - this.#begunMs) / this.#windowMs
    let least = Number.POSITIVE_INFINITY
    for (const place of this.#placesOf(name)) {
      least = Math.min(least, (this.#now[place] ?? 0) + (this.#before[place] ?? 0) * left)
    }
    return least
  }

  /** Takes back what was counted of a name; of others whose cells are all but the same, a little may go with it. */
  forget(name: string): void {
    const places = this.#placesOf(name)
    for (const cells of [this.#now, this.#before]) {
      const least = Math.min(...Array.from(places, place => cells[place] ?? 0))
      for (const place of places) cells[place] = (cells[place] ?? 0) - least
    }
  }

  #turn(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#begunMs) / this.#windowMs)
    if (windows < 1) return
    const empty = windows > 1 ? this.#now.fill(0) : this.#now
    this.#now = this.#before.fill(0)
    this.#before = empty
    this.#begunMs += windows * this.#windowMs
  }

  /** One in each row: two hashes make as many as one likes (Kirsch and Mitzenmacher). Good until it is called again. */
  #placesOf(name: string): Uint32Array {
    let first = this.#seed
    let second = ~this.#seed
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i)
      first = Math.imul(first ^ code, 0x01000193)
      second = Math.imul(second ^ code, 0x5f356495)
    }
    first ^= first >>> 15
    second = (second ^ (second >>> 13)) | 1
    for (let row = 0; row < ROWS; row++) {
      this.#places[row] = row * (this.#mask + 1) + ((first + Math.imul(row, second)) & this.#mask)
    }
    return this.#places
  }
}

// What `npm run bench -- doors` measures: one file per measurement, one line per contender.

import type { LoadResult } from '../load-result.js'
import type { ProcessFamily } from './cpu-time.js'

export interface Timing {
  readonly warmupMs: number
  readonly durationMs: number
}

/** Something that takes load: opened once, loaded once a round, closed at the end. */
export interface Contender {
  readonly name: string
  /** Another contender's name, and at least how much of its rate is to be reached; unset: that is only told. */
  readonly comparedWith?: { readonly name: string; readonly atLeast?: number }
  /** Whose CPU time is told beside the rate. */
  readonly processes?: Readonly<Record<string, ProcessFamily>>
  load(timing: Timing): Promise<LoadResult>
}

export interface Measurement {
  readonly name: string
  /** What is measured, in a sentence. */
  readonly title: string
  /** Opens everything; what cannot be measured here is said aloud with the reason, and left out. */
  open(folder: string): Promise<{ readonly contenders: readonly Contender[]; close(): Promise<void> }>
}

// How far long work is, on the last line of stderr; nothing where stderr is no terminal.

import type { Terminal } from './terminal.js'

export interface ProgressBar {
  /** Shows that so much is done, a few times a second at most. */
  show(done: number): void
  /** Takes the line away. Call it before printing anything, and at the end. */
  hide(): void
}

const EVERY_MS = 100
const WIDTH = 30

/** `total` may turn out to be wrong: the bar is never more than full. */
export function progressBar(
  { progress }: Pick<Terminal, 'progress'>,
  label: string,
  total: number,
): ProgressBar {
  let next = 0
  return {
    show(done) {
      if (!progress || performance.now() < next) return
      next = performance.now() + EVERY_MS
      const part = total > 0 ? Math.min(1, done / total) : 1
      const full = Math.round(part * WIDTH)
      const bar = `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`
      progress(`${label} ${bar} ${String(Math.floor(part * 100)).padStart(3)} % ${done} of ${total}`)
    },
    hide: () => progress?.(''),
  }
}

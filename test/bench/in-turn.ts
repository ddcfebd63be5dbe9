// Contenders measured by turns, so that a slow minute of the machine hits all of them.

import type { LoadResult } from './load-result.js'

/** Every contender once a round; its results by name, in the order of the contenders. */
export async function inTurn(
  contenders: Readonly<Record<string, () => Promise<LoadResult>>>,
  rounds: number,
): Promise<ReadonlyMap<string, readonly LoadResult[]>> {
  const results = new Map<string, LoadResult[]>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      results.set(name, [...(results.get(name) ?? []), await run()])
    }
  }
  return results
}

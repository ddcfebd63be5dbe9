// Keeps every hash thread of a service busy, in a process of its own: what this does with the answers is nothing that the
// callers who are measured meanwhile would wait for, were they elsewhere. Begins and ends when its parent says so.

import { setPriority } from 'node:os'
import { answered, saturate } from './hash-load-site.js'
import { HttpCaller } from './http-caller.js'

/** What was done between `begin` and `end`. */
export interface Saturation {
  /** Logins that got their verdict. */
  readonly done: number
  readonly ms: number
}

/** As if on a machine of its own: where cores are few, each answer that wakes it would stop the service for its sake. */
const NICEST = 19
setPriority(NICEST)

const [url = '', token = ''] = process.argv.slice(2)
const caller = new HttpCaller(url, token)
let load: ReturnType<typeof saturate> | undefined

process.on('message', async word => {
  if (word === 'begin') load = saturate({ caller })
  if (word !== 'end' || !load) return
  const { answers, ms } = await load.end()
  // On a machine that others keep busy some wait too long.
  const done = answered(
    answers.filter(({ status }) => status === 200),
    'password_mismatch',
  )
  process.send?.({ done, ms } satisfies Saturation)
})
process.on('disconnect', () => process.exit())

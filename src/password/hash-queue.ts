// What waits for a thread: bounded in number and in expected time, users in turn.

import { FairQueue } from './fair-queue.js'
import type { HashTask } from './hash-task.js'

export class HashQueue {
  readonly #queue = new FairQueue<HashTask>()
  readonly #limit: number
  readonly #limitMs: number
  #expectedMs = 0

  /** At most `limit` tasks, and no more than what is expected to take `limitMs` altogether. */
  constructor(limit: number, limitMs: number) {
    this.#limit = limit
    this.#limitMs = limitMs
  }

  get size(): number {
    return this.#queue.size
  }

  /**
   * Whether there is room for one more of this user. Where it is full but another user has more waiting, that
   * user's newest task makes room: it is returned, and is the caller's.
   */
  makeRoom(user: string): boolean | HashTask {
    const isFull = this.#queue.size >= this.#limit || this.#expectedMs > this.#limitMs
    if (!isFull) return true
    if (this.#queue.longest <= this.#queue.lengthOf(user) + 1) return false
    const dropped = this.#queue.dropFromLongest()
    if (!dropped) return false
    this.#expectedMs -= dropped.estimateMs
    return dropped
  }

  add(task: HashTask): void {
    this.#queue.push(task.request.user, task)
    this.#expectedMs += task.estimateMs
  }

  /** The task is next again: its thread was lost. */
  putBack(task: HashTask): void {
    this.#queue.putBack(task.request.user, task)
    this.#expectedMs += task.estimateMs
  }

  take(accept?: (task: HashTask) => boolean, scan?: number): HashTask | undefined {
    const task = this.#queue.take(accept, scan)
    if (task) this.#expectedMs -= task.estimateMs
    return task
  }

  /** Takes the task out; returns whether it still waited. */
  remove(task: HashTask): boolean {
    const waited = this.#queue.remove(task.request.user, task)
    if (waited) this.#expectedMs -= task.estimateMs
    return waited
  }
}

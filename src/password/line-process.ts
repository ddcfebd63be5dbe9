// A program that answers each line with a line: what crashes or hangs there is a process and not this service, and can be
// stopped in the middle, which a thread of a native package cannot.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

type Child = ChildProcessByStdio<Writable, Readable, null>

interface Running {
  readonly child: Child
  readonly answers: AsyncIterator<string>
}

export class LineProcess {
  readonly #path: string
  readonly #args: readonly string[]
  #running: Running | undefined
  #isStopped = false

  /** Starts nothing until it is asked. */
  constructor(path: string, args: readonly string[]) {
    this.#path = path
    this.#args = args
  }

  /** One question after the other. Throws where the program ends instead; the next question starts it anew. */
  async ask(question: string): Promise<string> {
    if (this.#isStopped) throw new Error(`${basename(this.#path)} was stopped`)
    this.#running ??= this.#start()
    const { child, answers } = this.#running
    for (const handle of handlesOf(child)) handle.ref()
    child.stdin.write(`${question}\n`)
    const { value, done } = await answers.next()
    // An idle one must not keep a command from its end.
    for (const handle of handlesOf(child)) handle.unref()
    if (!done) return value
    this.#forget(child)
    throw new Error(`${basename(this.#path)} ended`)
  }

  /** Ends what it started; the next question starts anew. */
  end(): void {
    this.#running?.child.stdin.end()
    this.#running = undefined
  }

  /** Ends it in the middle of an answer, too, and for good: whoever waits for one hears that it ended. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const child = this.#running?.child
    if (!child) return
    const gone = new Promise(resolve => child.once('exit', resolve).once('error', resolve))
    child.kill('SIGKILL')
    await gone
  }

  #forget(child: Child): void {
    if (this.#running?.child === child) this.#running = undefined
  }

  /**
   * It ends by itself with this thread: nothing comes from its standard input any more. Ctrl-C in a terminal is not for
   * it (`detached`), since logins that have begun are still answered.
   */
  #start(): Running {
    const child = spawn(this.#path, this.#args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {},
      cwd: '/',
      detached: true,
    })
    const gone = () => this.#forget(child)
    child.on('error', gone)
    child.on('exit', gone)
    child.stdin.on('error', gone)
    return { child, answers: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
  }
}

/** The pipes of a child are sockets (node:child_process), which its types do not say. */
const handlesOf = (child: Child) => [child, child.stdin as Socket, child.stdout as unknown as Socket]

// A unix socket to listen on: what a dead process left behind makes way, and nothing else does.

import { lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'

/** As many connections may wait to be accepted as the kernel allows: a reconnect storm must not see refusals. */
export const BACKLOG = 4096

/**
 * Makes room for a socket: removes one that a dead process left behind. Throws for one that somebody answers on, and
 * for anything that is no socket.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (there === undefined) return
  // Connecting to a plain file is refused just as to a dead socket, and a file is nothing that we may delete.
  if (!there.isSocket()) throw new Error(`${path} cannot be a unix socket: something else has that name`)
  if (await somebodyAnswers(path)) {
    throw new Error(`${path} is in use: another process answers there`)
  }
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.setTimeout(1000, () => settle(true))
    socket.on('connect', () => settle(true))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') settle(false)
      else reject(new Error(`${path} cannot be used as a unix socket: ${error.code}`, { cause: error }))
    })
    function settle(answer: boolean): void {
      socket.destroy()
      resolve(answer)
    }
  })
}

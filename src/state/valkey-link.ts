// One connection to Valkey or Redis that keeps itself up, and never makes anybody wait for one that is down.

import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, ErrorReply } from 'redis'
import { type Answer, answered, unanswered } from './answer.js'
import type { ValkeyLocation } from './valkey-url.js'

export interface ValkeyLinkOptions {
  readonly location: ValkeyLocation
  readonly password: string | undefined
  readonly ca: string | undefined
  readonly connectTimeoutMs: number
  readonly commandTimeoutMs: number
  /** Called each time it is connected, before it counts as up; what it rejects with ends this connection. */
  readonly onConnect?: (client: RedisClient) => Promise<void>
  /** Told once of each outage, and once when it is over. */
  readonly onChange?: (isUp: boolean, cause?: Error) => void
  /** Told of every command that it answers with an error, by that error, which holds nothing of the command. */
  readonly onRefusal?: (cause: Error) => void
  /** Written every second: a primary that has become a replica answers, and is of no use. Absent: it is pinged. */
  readonly heartbeatKey?: string
}

export interface ValkeyLink {
  isUp(): boolean
  /** Never rejects; at once when it is down. */
  send(command: readonly string[]): Promise<Answer<unknown>>
  /** Resolves when the first try to connect has ended, well or not. */
  readonly tried: Promise<void>
  close(): Promise<void>
}

/** RESP 2: spoken by every Redis and Valkey there is. */
function newClient({ location, password, ca, connectTimeoutMs }: ValkeyLinkOptions) {
  const { place, tls, user, database } = location
  const secret = location.password ?? password
  const common = { connectTimeout: connectTimeoutMs, reconnectStrategy: false } as const
  const socket =
    'path' in place
      ? { ...common, path: place.path, tls: false as const }
      : tls
        ? { ...common, ...place, tls: true as const, ...(ca && { ca }) }
        : { ...common, ...place }
  return createClient({
    RESP: 2,
    socket,
    ...(user !== undefined && { username: user }),
    ...(secret !== undefined && { password: secret }),
    ...(database !== 0 && { database }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    commandsQueueMaxLength: LONGEST_QUEUE,
  })
}

export type RedisClient = ReturnType<typeof newClient>

const LONGEST_QUEUE = 10_000
/** How often a quiet connection is asked whether it lives, and how long that may take: a hung server is noticed. */
const HEARTBEAT_MS = 1000
const HEARTBEAT_TTL_MS = 10_000
/** What a replica says, and a server that is still reading its file. */
const ofNoUse = /^(?:READONLY|LOADING|MASTERDOWN)\b/
const RETRY_MS = { first: 50, longest: 1000 }

export function openValkeyLink(options: ValkeyLinkOptions): ValkeyLink {
  let client: RedisClient | undefined
  /** A command had no answer: nobody waits for this connection until it has answered again. */
  let isSuspect = false
  let isClosed = false
  let wasUp: boolean | undefined
  const closing = new AbortController()
  let onTried = () => {}
  const tried = new Promise<void>(resolve => {
    onTried = resolve
  })

  const changed = (isUp: boolean, cause?: Error) => {
    onTried()
    const isNews = wasUp === undefined ? !isUp : wasUp !== isUp
    wasUp = isUp
    if (isNews) options.onChange?.(isUp, cause)
  }

  async function keepUp(): Promise<void> {
    let retryMs = RETRY_MS.first
    while (!isClosed) {
      const cause = await liveOnce(() => {
        retryMs = RETRY_MS.first
      })
      if (isClosed) return
      changed(false, cause)
      await sleep(retryMs * (0.5 + Math.random()), undefined, { signal: closing.signal, ref: false }).catch(
        () => {},
      )
      retryMs = Math.min(2 * retryMs, RETRY_MS.longest)
    }
  }

  /** From connecting to the end of the connection; why it ended. */
  async function liveOnce(onUp: () => void): Promise<Error> {
    const mine = newClient(options)
    let onClose = () => {}
    const ended = new Promise<Error>(resolve => {
      onClose = () => resolve(new Error('closed'))
      mine.on('error', resolve)
      mine.on('end', () => resolve(new Error('the connection was closed')))
      closing.signal.addEventListener('abort', onClose)
    })
    try {
      const connecting = mine
        .connect()
        .then(() => options.onConnect?.(mine))
        .then(() => beat(mine))
      const failure = await Promise.race([
        within(2 * options.connectTimeoutMs, connecting).then(() => undefined, asError),
        ended,
      ])
      if (failure) return failure
      client = mine
      isSuspect = false
      onUp()
      changed(true)
      return await Promise.race([ended, heartbeat(mine)])
    } finally {
      client = undefined
      closing.signal.removeEventListener('abort', onClose)
      mine.on('error', () => {})
      destroy(mine)
    }
  }

  async function heartbeat(mine: RedisClient): Promise<Error> {
    for (;;) {
      await sleep(HEARTBEAT_MS, undefined, { signal: closing.signal, ref: false }).catch(() => {})
      if (isClosed) return new Error('closed')
      const failure = await within(HEARTBEAT_MS, beat(mine)).then(() => undefined, asError)
      if (failure) return failure
      if (mine === client) isSuspect = false
    }
  }

  /** Rejects when this connection is of no use. A refusal of other kinds is the command's own affair. */
  async function beat(mine: RedisClient): Promise<void> {
    const { heartbeatKey: key } = options
    if (key === undefined) return void (await mine.ping())
    try {
      await mine.sendCommand(['SET', key, '1', 'PX', String(HEARTBEAT_TTL_MS)])
    } catch (cause) {
      if (!(cause instanceof ErrorReply) || ofNoUse.test(cause.message)) throw cause
    }
  }

  const running = keepUp()
  return {
    isUp: () => client !== undefined && !isSuspect,
    send: async command => {
      const mine = client
      if (!mine || isSuspect) return unanswered(`${options.location.name} is down`)
      try {
        return answered(await within(options.commandTimeoutMs, mine.sendCommand(command)))
      } catch (cause) {
        if (cause instanceof Late && mine === client) isSuspect = true
        if (cause instanceof ErrorReply && !cause.message.startsWith('NOSCRIPT'))
          options.onRefusal?.(new Error(withoutArguments(cause.message)))
        return { answered: false, cause: asError(cause) }
      }
    },
    tried,
    close: async () => {
      isClosed = true
      closing.abort()
      onTried()
      await running
    },
  }
}

/** Of a command that it does not know Redis repeats what stood behind it. */
const withoutArguments = (message: string): string => message.replace(/, with args beginning.*/s, '')

class Late extends Error {}

/** A process that was busy itself looks once more before it calls somebody late: the answer may lie in the socket. */
function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => setImmediate(late)), limitMs)
    const late = () => reject(new Late(`no answer within ${limitMs} ms`))
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function destroy(client: RedisClient): void {
  try {
    client.destroy()
  } catch {
    // It was closed already.
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}

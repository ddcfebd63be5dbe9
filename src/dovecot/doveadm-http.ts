// Flushes one Dovecot's auth cache over its HTTP API (POST /doveadm/v1). Proved on 2.3.19.
// 2.4.1 panics on this request (doveadm-cmd-parse.c: doveadm_cmd_param_str) and closes the connection: its caches are
// flushed over doveadm's own protocol.

import { request as requestOverHttp } from 'node:http'
import { request as requestOverHttps } from 'node:https'
import type { DoveadmCall } from './doveadm-call.js'
import { nameGroups } from './name-groups.js'

const LARGEST_REPLY = 1 << 20
/** With more names than these it is quicker to forget everybody. */
const MOST_NAMES = 2000

/** How many entries were forgotten. Rejects with what may be shown to the operator. */
export async function flushOverHttp(call: DoveadmCall): Promise<number> {
  // An empty list is everybody; without the parameter 2.3 ends with "Missing user parameter".
  const isEverybody = call.users.length === 0 || call.users.length > MOST_NAMES
  const groups = isEverybody ? [[]] : nameGroups(call.users)
  const commands = groups.map((user, at) => ['authCacheFlush', { user }, `homing${at}`])
  const { status, text } = await post(call, JSON.stringify(commands))
  if (status === 401 || status === 403) throw new Error(`${status}: doveadm_api_key is not the right one`)
  if (status !== 200) throw new Error(`it answered ${status}`)
  const replies = parseReplies(text)
  return groups.reduce((entries, _, at) => entries + entriesOf(replies[at], `homing${at}`), 0)
}

function parseReplies(text: string): unknown[] {
  try {
    const replies: unknown = JSON.parse(text)
    if (Array.isArray(replies)) return replies
  } catch {
    // As below.
  }
  throw new Error('its answer is not one of doveadm')
}

function entriesOf(reply: unknown, expectedTag: string): number {
  const [word, result, tag] = Array.isArray(reply) ? reply : []
  if (word === 'error')
    throw new Error(`it refused: ${String((result as { type?: unknown })?.type ?? 'error')}`)
  const entries = Number((Array.isArray(result) ? result[0] : undefined)?.entries)
  if (word !== 'doveadmResponse' || tag !== expectedTag || !Number.isInteger(entries)) {
    throw new Error('its answer is not one of doveadm')
  }
  return entries
}

function post(
  { place, secret, ca, deadline }: DoveadmCall,
  body: string,
): Promise<{ status: number; text: string }> {
  const { host, port, tls } = place
  const options = {
    host,
    port,
    signal: deadline(),
    method: 'POST',
    path: '/doveadm/v1',
    agent: false as const,
    headers: {
      // With `close`, 2.3.19 never sends its 401.
      connection: 'keep-alive',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `X-Dovecot-API ${Buffer.from(secret).toString('base64')}`,
    },
  }
  return new Promise((resolve, reject) => {
    const request = tls ? requestOverHttps({ ...options, ...(ca && { ca }) }) : requestOverHttp(options)
    request.on('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'ECONNRESET'
          ? new Error(`${cause.message} (Dovecot 2.4.1 crashes here: use doveadm://)`)
          : cause,
      )
    })
    request.on('response', response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > LARGEST_REPLY) request.destroy(new Error('its answer is too long'))
      })
      response.on('error', reject)
      response.on('end', () => {
        request.destroy()
        resolve({ status: response.statusCode ?? 0, text })
      })
    })
    request.end(body)
  })
}

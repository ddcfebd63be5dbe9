// The same user asked about at every door of one real service, by the bytes of the name.

import { createConnection } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type RunningAdmin, startAdmin } from '../system/admin-client.js'
import { freePorts } from '../system/free-ports.js'

export interface Reply {
  readonly status: number
  /** What is not JSON is a text. */
  readonly body: unknown
}

export interface EveryDoor extends RunningAdmin {
  /** POST /v1/passdb/verify with a JSON body that holds these bytes as the user. */
  verify(user: Buffer, password: string): Promise<Reply>
  /** POST /oauth2/token, the name percent-encoded byte by byte. */
  grant(user: Buffer, password: string): Promise<Reply>
  /** The auth-policy's `allow`. */
  allow(login: Buffer): Promise<Reply>
  /** The answer to a lookup of the dict key `shared/passdb/NAME/PASSWORD`; '' when the connection was ended. */
  dict(user: Buffer, password: string): Promise<string>
}

/** Starts it with these further lines of homing.toml. Ends with the test. */
export async function openEveryDoor(t: Test, config = ''): Promise<EveryDoor> {
  const [port = 0] = await freePorts(1)
  const admin = await startAdmin(t, undefined, `policy_listen = ["127.0.0.1:${port}"]\n${config}`)
  const { homing } = admin
  const post = async (url: string, type: string, body: Buffer): Promise<Reply> => {
    const isForm = type.endsWith('form-urlencoded')
    const headers = { 'content-type': type, ...(!isForm && { authorization: `Bearer ${homing.token}` }) }
    const answer = await fetch(url, { method: 'POST', headers, body })
    return read(answer.status, await answer.text())
  }
  const json = (url: string, user: Buffer, key: string, rest: object) =>
    post(url, 'application/json', withBytes(key, user, rest))
  return {
    ...admin,
    verify: (user, password) =>
      json(`${homing.url}/v1/passdb/verify`, user, 'user', { password, protocol: 'imap' }),
    grant: (user, password) => {
      const client = `client_id=dovecot&client_secret=${homing.token}`
      const fields = `${client}&grant_type=password&username=${percent(user)}&password=${percent(Buffer.from(password))}`
      return post(`${homing.url}/oauth2/token`, 'application/x-www-form-urlencoded', Buffer.from(fields))
    },
    allow: login =>
      json(`http://127.0.0.1:${port}/?command=allow`, login, 'login', {
        remote: '192.0.2.1',
        pwhash: '02ec',
      }),
    dict: (user, password) => dictLookup(join(homing.socketFolder, 'dict.sock'), user, password),
  }
}

/** The bytes as they are, within a JSON text; only what JSON forbids in a string is escaped. */
function withBytes(key: string, value: Buffer, rest: object): Buffer {
  const escaped = [...value].flatMap(byte =>
    byte < 0x20 || byte === 0x22 || byte === 0x5c
      ? [...Buffer.from(`\\u00${byte.toString(16).padStart(2, '0')}`)]
      : [byte],
  )
  const text = JSON.stringify({ [key]: '@', ...rest })
  const at = text.indexOf('"@"') + 1
  return Buffer.concat([
    Buffer.from(text.slice(0, at)),
    Buffer.from(escaped),
    Buffer.from(text.slice(at + 1)),
  ])
}

const percent = (bytes: Buffer): string =>
  [...bytes].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('')

function read(status: number, text: string): Reply {
  try {
    return { status, body: JSON.parse(text) }
  } catch {
    return { status, body: text }
  }
}

const DICT_PATIENCE_MS = 3000

function dictLookup(path: string, user: Buffer, password: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const socket = createConnection(path, () => {
      const key = Buffer.concat([Buffer.from('shared/passdb/'), user, Buffer.from(`/${password}`)])
      const line = [Buffer.from('H3\t0\t0\t\tauth\nL'), escaped(key), Buffer.from('\t'), escaped(user)]
      socket.write(Buffer.concat([...line, Buffer.from('\n')]))
    })
    socket.setTimeout(DICT_PATIENCE_MS, () => socket.destroy(new Error('the dict server says nothing')))
    socket.on('data', bytes => {
      received = Buffer.concat([received, bytes])
      if (received.includes('\n')) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(received.toString('utf8')))
  })
}

const escapes: Readonly<Record<number, string>> = {
  0: '\x010',
  1: '\x011',
  9: '\x01t',
  10: '\x01n',
  13: '\x01r',
}

const escaped = (bytes: Buffer): Buffer =>
  Buffer.concat([...bytes].map(byte => Buffer.from(escapes[byte] ?? String.fromCharCode(byte), 'latin1')))

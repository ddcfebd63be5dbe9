// The client's side of mechanisms that never send the password: CRAM-MD5 and SCRAM-SHA-256, over IMAP's AUTHENTICATE.

import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { type ConnectOptions, LineClient } from './line-client.js'
import type { Credentials } from './mail-clients.js'

export type Mechanism = 'CRAM-MD5' | 'SCRAM-SHA-256'

/** Takes what the server says, undecoded, and returns what the client answers; throws when the server is an impostor. */
type Conversation = (challenge: string) => string

/**
 * Only the server's last words, without tag: `OK …`, `NO [AUTHENTICATIONFAILED] …`. With SCRAM an OK means too that
 * the server has proved that it knows the account's ServerKey.
 */
export async function imapAuthenticate(
  options: ConnectOptions,
  mechanism: Mechanism,
  credentials: Credentials,
): Promise<string> {
  const client = await LineClient.connect(options)
  try {
    await client.readUntil(/^\* OK/)
    client.write(`a1 AUTHENTICATE ${mechanism}`)
    const answer = mechanism === 'CRAM-MD5' ? cramMd5(credentials) : scramSha256(credentials)
    for (;;) {
      const line = (await client.readUntil(/^(\+|a1) /)).at(-1) ?? ''
      if (line.startsWith('a1 ')) return line.slice(3)
      client.write(base64(answer(Buffer.from(line.slice(2), 'base64').toString())))
    }
  } finally {
    client.close()
  }
}

/** RFC 2195. */
function cramMd5({ user, password }: Credentials): Conversation {
  return challenge => `${user} ${createHmac('md5', password).update(challenge).digest('hex')}`
}

/** RFC 5802 and RFC 7677, without channel binding. */
function scramSha256({ user, password }: Credentials): Conversation {
  const nonce = randomBytes(18).toString('base64')
  const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const clientFirst = `n=${name},r=${nonce}`
  const steps: Conversation[] = [() => `n,,${clientFirst}`, clientFinal, provedServer]
  let serverSignature: Buffer = Buffer.alloc(0)
  return challenge => {
    const step = steps.shift()
    if (!step) throw new Error('the server does not come to an end')
    return step(challenge)
  }

  function clientFinal(serverFirst: string): string {
    const { r = '', s = '', i = '' } = attributes(serverFirst)
    if (!r.startsWith(nonce) || r === nonce) throw new Error('the server answered another client')
    const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), Number(i), 32, 'sha256')
    const withoutProof = `c=${base64('n,,')},r=${r}`
    const said = `${clientFirst},${serverFirst},${withoutProof}`
    const clientKey = hmac(salted, 'Client Key')
    const signature = hmac(createHash('sha256').update(clientKey).digest(), said)
    serverSignature = hmac(hmac(salted, 'Server Key'), said)
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`
  }

  function provedServer(serverFinal: string): string {
    const shown = Buffer.from(attributes(serverFinal).v ?? '', 'base64')
    if (shown.length !== serverSignature.length || !timingSafeEqual(shown, serverSignature)) {
      throw new Error(`the server does not know the account: ${serverFinal}`)
    }
    return ''
  }
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** `r=…,s=…,i=…`: a value may hold `=`. */
function attributes(message: string): Partial<Record<string, string>> {
  return Object.fromEntries(message.split(',').map(part => [part.slice(0, 1), part.slice(2)]))
}

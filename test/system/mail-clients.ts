// What mail programs do: log in over IMAP or POP3, hand in a message over LMTP.

import { type ConnectOptions, LineClient } from './line-client.js'

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** The server's words, and the open connection, which the caller closes. */
export interface Login {
  /** The answer to the login, without tag: `OK [CAPABILITY …] Logged in`, `NO [UNAVAILABLE] …`. */
  readonly answer: string
  readonly client: LineClient
}

/** Logs in with LOGIN. The password goes out byte for byte. */
export async function imapLogin(options: ConnectOptions, { user, password }: Credentials): Promise<Login> {
  const client = await LineClient.connect(options)
  await client.readUntil(/^\* (OK|PREAUTH)/)
  client.write(`a1 LOGIN ${quoted(user)} ${quoted(password)}`)
  const lines = await client.readUntil(/^a1 /)
  return { answer: (lines.at(-1) ?? '').slice(3), client }
}

/** Only the server's words. */
export async function imapAnswer(options: ConnectOptions, credentials: Credentials): Promise<string> {
  const { answer, client } = await imapLogin(options, credentials)
  client.close()
  return answer
}

/** Puts a message into the INBOX of a connection that is logged in. */
export async function imapAppend({ client }: Login, message: string): Promise<string> {
  client.write(`a2 APPEND INBOX {${Buffer.byteLength(message)}+}\r\n${message}`)
  const lines = await client.readUntil(/^a2 /)
  return (lines.at(-1) ?? '').slice(3)
}

export async function pop3Answer(options: ConnectOptions, { user, password }: Credentials): Promise<string> {
  const client = await LineClient.connect(options)
  try {
    await client.readUntil(/^\+OK/)
    client.write(`USER ${user}`)
    await client.readLine()
    client.write(`PASS ${password}`)
    return await client.readLine()
  } finally {
    client.close()
  }
}

/** Hands in a message for one recipient; the answer to RCPT, or to the message if RCPT was accepted. */
export async function lmtpDeliver(port: number, recipient: string, message: string): Promise<string> {
  const client = await LineClient.connect({ port })
  const say = async (line: string): Promise<string> => {
    client.write(line)
    return (await client.readUntil(/^\d{3} /)).at(-1) ?? ''
  }
  try {
    await client.readUntil(/^220 /)
    await say('LHLO client.test')
    await say('MAIL FROM:<sender@client.test>')
    const accepted = await say(`RCPT TO:<${recipient}>`)
    if (!accepted.startsWith('250')) return accepted
    await say('DATA')
    return await say(`${message}\r\n.`)
  } finally {
    client.close()
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

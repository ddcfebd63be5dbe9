// A short answer as bytes of HTTP/1.1. Pure, but for the time.

import { STATUS_CODES } from 'node:http'

export interface DirectReply {
  readonly status: number
  /** Further headers, each line with its CRLF. */
  readonly head?: string
  readonly contentType: string
  readonly body: string
  /** For the metrics, in Dovecot's words. */
  readonly verdict?: string
}

/** Everything in one text, to be sent as UTF-8. `isLast`: the connection is closed behind it. */
export function formatDirectReply(reply: DirectReply, isLast: boolean): string {
  const { status, head = '', contentType, body } = reply
  const connection = isLast ? 'close' : 'keep-alive'
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nDate: ${dateText()}\r\nConnection: ${connection}\r\n` +
    `${head}Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

let second = 0
let text = ''

/** RFC 9110, section 6.6.1. Written once a second: it takes as long as the rest. */
function dateText(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    text = new Date(now * 1000).toUTCString()
  }
  return text
}

// A whole request as mail servers send it, read without node:http. Pure.
//
// node:http takes three times as long for a request as everything we do for it. So what has the plainest form of all is
// read here, and whatever has not is nobody's business here: node:http gets it byte for byte, and decides.

export interface DirectRequest {
  /** With its query, as it came. */
  readonly path: string
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** The same, one character a byte. */
  readonly bodyText: string
}

/** What says that the message is cut otherwise, or that more is wanted than an answer (RFC 9112, section 6; 9110, 10.1.1). */
const forNodeAlone = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'content-encoding',
  'http2-settings',
])

const START = 'POST '
const END = ' HTTP/1.1'
/** RFC 9110, sections 5.1 and 5.5: tokens and field values, each in a line of its own. */
const plainFields = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/

/**
 * The request that the bytes are, if they are exactly one: `POST` by HTTP/1.1, each header once,
 * a body of the announced length. undefined for everything else, be it half a request, two, or a broken one.
 */
export function readDirectRequest(bytes: Buffer, bodyLimit: number): DirectRequest | undefined {
  const text = bytes.toString('latin1')
  if (!text.startsWith(START)) return undefined
  const lineEnd = text.indexOf('\r\n')
  const headEnd = text.indexOf('\r\n\r\n', lineEnd)
  if (lineEnd < 0 || headEnd < 0) return undefined
  const pathEnd = lineEnd - END.length
  if (pathEnd <= START.length || !text.startsWith(END, pathEnd)) return undefined
  const headers = readHeaders(text.slice(lineEnd + 2, headEnd + 2))
  if (headers === undefined || headers.host === undefined || !isKept(headers.connection)) return undefined
  const bodyAt = headEnd + 4
  const length = headers['content-length'] ?? ''
  if (!/^\d{1,9}$/.test(length) || Number(length) !== bytes.length - bodyAt) return undefined
  if (Number(length) > bodyLimit) return undefined
  return {
    path: text.slice(START.length, pathEnd),
    headers,
    body: bytes.subarray(bodyAt),
    bodyText: text.slice(bodyAt),
  }
}

/** Inherits nothing, so that no header's name finds anything but a header. */
const Headers = function Headers() {} as unknown as new () => Record<string, string>
Headers.prototype = Object.create(null)

function readHeaders(lines: string): Record<string, string> | undefined {
  if (!plainFields.test(lines)) return undefined
  const headers = new Headers()
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\r\n', at)
    const colon = lines.indexOf(':', at)
    const name = lines.slice(at, colon).toLowerCase()
    if (headers[name] !== undefined || forNodeAlone.has(name)) return undefined
    headers[name] = lines.slice(colon + 1, end).trim()
    at = end + 2
  }
  return headers
}

function isKept(connection: string | undefined): boolean {
  return connection === undefined || connection.toLowerCase() === 'keep-alive'
}

import t from 'tap'
import { readDirectRequest } from '../../../src/protocols/http/direct/direct-request.js'

const body = 'a=b'
const lines = ['POST /oauth2/token HTTP/1.1', 'Host: x', 'Content-Type: text/plain', 'Content-Length: 3']
const request = (head: readonly string[], rest = body) => `${head.join('\r\n')}\r\n\r\n${rest}`
const read = (text: string) => readDirectRequest(Buffer.from(text, 'latin1'), 100)

t.test('a request as mail servers send it is read', async t => {
  const found = read(request([...lines, 'X-Name:\t caf\xe9 ', 'CONNECTION: Keep-Alive', 'X-Empty:']))
  t.equal(found?.path, '/oauth2/token')
  t.same(
    { ...found?.headers },
    {
      host: 'x',
      'content-type': 'text/plain',
      'content-length': '3',
      'x-name': 'caf\xe9',
      connection: 'Keep-Alive',
      'x-empty': '',
    },
  )
  t.equal(found?.body.toString(), body)
  t.equal(found?.bodyText, body)
  t.equal(read(request([...lines, 'constructor: x']))?.headers.constructor, 'x')
  t.equal(read(request(lines))?.headers.constructor, undefined, 'no header is there that did not come')
})

t.test('whatever has not the plainest form is left to others', async t => {
  const without = (name: string) => lines.filter(line => !line.startsWith(name))
  const start = (line: string) => request([line, ...lines.slice(1)])
  const rows: Record<string, string> = {
    nothing: '',
    'half a line': 'POST /oauth2/tok',
    'a head without an end': `${lines.join('\r\n')}\r\n`,
    'half a body': request(lines, 'a='),
    'a body and more': request(lines, 'a=bc'),
    'two requests': request(lines) + request(lines),
    'another method': start('GET /oauth2/token HTTP/1.1'),
    'a method in lower case': start('post /oauth2/token HTTP/1.1'),
    'HTTP/1.0': start('POST /oauth2/token HTTP/1.0'),
    'no path': start('POST  HTTP/1.1'),
    'no version': start('POST /oauth2/token'),
    'an empty line before it': `\r\n${request(lines)}`,
    'bare line feeds': request(lines).replaceAll('\r\n', '\n'),
    'one bare line feed': request([...lines, 'X: a\nY: b']),
    'a bare carriage return': request([...lines, 'X: a\rY: b']),
    'a folded line': request([...lines, 'X: a', ' b']),
    'a NUL': request([...lines, 'X: a\0b']),
    'a DEL': request([...lines, 'X: a\x7fb']),
    'a space before the colon': request([...lines, 'X : a']),
    'no name': request([...lines, ': a']),
    'no colon': request([...lines, 'X']),
    'a name that is no token': request([...lines, 'X(y): a']),
    'no Host': request(without('Host')),
    'two Hosts': request([...lines, 'HOST: y']),
    'two lengths': request([...lines, 'Content-Length: 3']),
    'no length': request(without('Content-Length')),
    'a length with a sign': request([...without('Content-Length'), 'Content-Length: +3']),
    'a length in hexadecimal': request([...without('Content-Length'), 'Content-Length: 0x3']),
    'a list of lengths': request([...without('Content-Length'), 'Content-Length: 3, 3']),
    'a body over the limit': request([...without('Content-Length'), 'Content-Length: 101'], 'x'.repeat(101)),
    chunks: request([...without('Content-Length'), 'Transfer-Encoding: chunked'], '3\r\na=b\r\n0\r\n\r\n'),
    'chunks and a length': request([...lines, 'Transfer-Encoding: chunked']),
    'a question before the body': request([...lines, 'Expect: 100-continue']),
    'an upgrade': request([...lines, 'Upgrade: h2c']),
    trailers: request([...lines, 'Trailer: x']),
    'a compressed body': request([...lines, 'Content-Encoding: gzip']),
    'a connection that is to be closed': request([...lines, 'Connection: close']),
    'a connection with options': request([...lines, 'Connection: keep-alive, te']),
  }
  for (const [title, text] of Object.entries(rows)) t.equal(read(text), undefined, title)
  t.ok(read(request(lines)), 'the request that all of them come from is read')
})

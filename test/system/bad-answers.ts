// What Homing never says, and what auth.lua must make a temporary failure of all the same.

import { type Answer, body, reply } from './scripted-service.js'

const ok = (...fields: string[]) => reply(200, 'result=ok', ...fields)

/** User name → what the service answers for it. */
export const badAnswers: Readonly<Record<string, Answer>> = {
  'status-201': reply(201, 'result=ok', 'user=u'),
  'status-302': (_question, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  'status-400': reply(400, 'result=ok', 'user=u'),
  'status-401': reply(401, 'result=password_mismatch', 'user=u'),
  'status-404': reply(404, 'result=user_unknown', 'user=u'),
  'status-429': reply(429, 'result=user_unknown', 'user=u'),
  'status-500': reply(500, 'result=ok', 'user=u'),
  'status-503': reply(503, 'result=internal_failure', 'user=u'),
  'internal-failure-with-200': reply(200, 'result=internal_failure', 'user=u'),
  'unknown-word': reply(200, 'result=next', 'user=u'),
  'inherited-word': reply(200, 'result=__index', 'user=u'),
  'no-result': reply(200, 'user=u', 'result=ok'),
  'no-user': reply(200, 'result=ok', 'proxy=y'),
  'empty-body': body(''),
  'only-a-line-end': body('\n'),
  json: body('{"result":"ok","user":"u","fields":{}}\n'),
  'no-line-end': body('result=ok\tuser=u\tproxy=y'),
  'two-lines': body('result=ok\tuser=u\nproxy=y\n'),
  'not-a-pair': ok('user=u', 'proxy'),
  'empty-pair': ok('user=u', '', 'nodelay=y'),
  'empty-key': ok('user=u', '=y'),
  'empty-value': ok('user=u', 'proxy='),
  'twice-the-same': ok('user=u', 'host=a', 'host=b', 'proxy=y'),
  'key-with-a-space': ok('user=u', 'host name=a', 'proxy=y'),
  'key-with-a-dash': ok('user=u', 'a-b=c'),
  'key-too-long': ok('user=u', `${'k'.repeat(65)}=v`),
  'value-too-long': ok('user=u', `k=${'v'.repeat(8193)}`),
  'tab-in-a-value': ok('user=u', 'home=/srv\x01tproxy'),
  'line-end-in-a-value': ok('user=u', 'home=/srv\x01n'),
  'nul-in-a-value': ok('user=u', 'home=/srv\x010'),
  'raw-nul': ok('user=u', 'home=/srv\x00x'),
  'bell-in-a-value': ok('user=u', 'home=/srv\x07'),
  'proxy-no': ok('user=u', 'proxy=no', 'host=127.0.0.1'),
  'ssl-false': ok('user=u', 'proxy=y', 'host=127.0.0.1', 'ssl=false'),
  'host-without-proxy': ok('user=u', 'host=127.0.0.1'),
  'cut-before-an-answer': (_question, _response, socket) => socket.destroy(),
  'cut-in-the-head': (_question, _response, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-'),
  'cut-in-the-body': (_question, _response, socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nresult=ok\tuser=u\tproxy=y'),
  'cut-in-a-chunk': (_question, _response, socket) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nresult=ok\tuser=u'),
  'no-http': (_question, _response, socket) => socket.end('220 mail.example.org ESMTP\r\n'),
  'never-an-answer': () => {},
  'half-an-answer-and-silence': (_question, _response, socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nresult=ok\tuser=u'),
}

const raw =
  (...lines: string[]): Answer =>
  (_question, _response, socket) =>
    socket.write(lines.join('\r\n'))
const line = 'result=ok\tuser=u\n'

/** What a proxy between might make of an answer, or somebody who can put bytes into one. Dovecot's own client takes some of it. */
export const smuggledAnswers: Readonly<Record<string, Answer>> = {
  'two-lengths': raw('HTTP/1.1 200 OK', `Content-Length: ${line.length}`, 'Content-Length: 3', '', line),
  'length-and-chunks': raw(
    'HTTP/1.1 200 OK',
    `Content-Length: ${line.length}`,
    'Transfer-Encoding: chunked',
    '',
    line,
  ),
  'two-answers': raw(
    'HTTP/1.1 200 OK',
    `Content-Length: ${line.length}`,
    '',
    `${line}HTTP/1.1 200 OK`,
    `Content-Length: ${line.length}`,
    '',
    line,
  ),
  'length-of-no-number': raw('HTTP/1.1 200 OK', 'Content-Length: 0x12', '', line),
  'chunk-of-no-number': raw('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', 'x', line),
  'another-coding': raw('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked', '', '12', line, '0', '', ''),
  'http-2': raw('HTTP/2 200', `Content-Length: ${line.length}`, '', line),
  'endless-head': (_question, _response, socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(`X: ${'x'.repeat(65_536)}\r\n`)) {}
    }
    socket.on('drain', more)
    socket.write('HTTP/1.1 200 OK\r\n')
    more()
  },
}

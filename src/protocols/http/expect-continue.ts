// What callers are told who ask whether they may send their body (`Expect: 100-continue`, RFC 9110, section 10.1.1).

import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/**
 * Everybody is told to go on. Dovecot 2.3 asks at every question of its Lua script, and waits for the answer; told 417
 * once, it sends the question again without asking and never asks this server again
 * (lib-http/http-client-connection.c:http_client_connection_input, 2.3.19). That saves each login a round trip.
 */
export function answerExpectations(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (/^dovecot-2\.3 auth\.lua\b/.test(request.headers['user-agent'] ?? '')) {
      // Closed, since nobody can tell whether the body follows after all.
      response.writeHead(417, { connection: 'close', 'content-length': 0 }).end()
      return
    }
    response.writeContinue()
    server.emit('request', request, response)
  })
}

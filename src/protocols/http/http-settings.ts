import type { Static } from 'typebox'
import { parseNetwork } from '../../model/networks.js'
import { secret, settings, size, text, time, words } from '../../model/setting.js'
import { doorTlsSettings, tlsSettings } from './tls-settings.js'

function noNetworkAmong(entries: readonly string[]): string | undefined {
  const odd = entries.find(entry => parseNetwork(entry) === undefined)
  return odd === undefined ? undefined : `"${odd}" is not an IP address or network`
}

function onlyEmptyLines(token: string): string | undefined {
  return token !== '' && token.trim() === '' ? 'there is nothing in it but space' : undefined
}

/** Where the service listens and what it demands of its callers. */
export const httpSettings = settings({
  listen: words('addresses to answer on: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/homing/http.sock`', [
    '127.0.0.1:8080',
  ]),
  api_token: secret(
    'what callers send as `Authorization: Bearer …`; without it, and without client certificates, only loopback and unix sockets may be listened on; one a line, so that a new one can be given out before the old one goes',
    { check: onlyEmptyLines, reloads: true },
  ),
  trusted_networks: words(
    'addresses of callers that may state where a client is (remote_ip); others are refused when they do. Unix sockets always may. Empty: everybody who may ask, by token, certificate, or being on this machine',
    [],
    { check: noNetworkAmong, example: '["192.0.2.10", "2001:db8::/64"]', reloads: true },
  ),
  oauth2_client_id: text('what Dovecot sends as `client_id` to /oauth2/token', 'dovecot', { reloads: true }),
  oauth2_client_secret: secret(
    'what Dovecot sends as `client_secret`; several, one a line, as for api_token. Empty: the api_token',
    { check: onlyEmptyLines, reloads: true },
  ),
  policy_listen: words(
    'addresses of the auth-policy server, for auth_policy_server_url: `127.0.0.1:4001`. Empty: there is none',
  ),
  policy_api_key: secret(
    'what its callers send as `X-API-Key`, as the password of Basic, or as a Bearer token; one a line, as api_token',
    { check: onlyEmptyLines, reloads: true },
  ),
  admin_listen: words(
    'addresses of the admin API (/v1/admin/…), `unix:/run/homing/admin.sock` say; empty: there is none',
    [],
  ),
  admin_token: secret(
    'what administrators send as `Authorization: Bearer …`; one a line, as with api_token. Without it, and without client certificates, the admin API may be on unix sockets only',
    { check: onlyEmptyLines, reloads: true },
  ),
  admin_read_token: secret('the same for those who may look and change nothing', {
    check: onlyEmptyLines,
    reloads: true,
  }),
  ...tlsSettings.properties,
  ...doorTlsSettings('policy_'),
  ...doorTlsSettings('admin_'),
  unix_listener_mode: text('permissions of unix sockets, octal', '0660'),
  http_request_body_limit: size('a larger request body is answered with 413', '64k'),
  http_request_timeout: time('a request must have arrived within this time', '5 secs'),
  http_keep_alive_timeout: time(
    'an idle connection is kept this long; Dovecot keeps its own for 60 secs',
    '65 secs',
  ),
  shutdown_delay: time('on SIGTERM /readyz says 503 this long before the listeners close', '0 secs', {
    reloads: true,
  }),
  shutdown_timeout: time('requests that run longer than this after SIGTERM are cut off', '10 secs', {
    reloads: true,
  }),
})

export type HttpSettings = Static<typeof httpSettings>

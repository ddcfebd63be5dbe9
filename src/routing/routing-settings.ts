// What an operator can set about where proxied users are sent.

import { isIP } from 'node:net'
import type { Static } from 'typebox'
import { settings, time, words, yesNo } from '../model/setting.js'

export const routingSettings = settings({
  auth_proxy_self: words(
    'Addresses and names of the proxies that ask here. A route that leads back to one of them, same port and same user, is ' +
      'refused as a temporary failure; with proxy_maybe it means a mailbox on the proxy. Names are resolved at the start and every ' +
      'minute, and the hosts of routes, too.',
    [],
    {
      check: entries => {
        const wrong = entries.find(
          entry => isIP(entry) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(entry),
        )
        return wrong === undefined ? undefined : `"${wrong}" is neither an address nor a host name`
      },
      example: '["192.0.2.10", "proxy1.example.org"]',
    },
  ),
  proxy_hostip: yesNo(
    'Whether routes get hostip, the address of their host, so that a Dovecot whose DNS does not answer reaches the backend; its ' +
      'certificate is still checked against the name.',
    false,
  ),
  proxy_dns_ttl: time(
    'How long the address of a host is believed; then it is looked up again, beside the logins.',
    '1 min',
    {
      minimum: 1000,
    },
  ),
  proxy_dns_timeout: time(
    'How long a login waits for the address of a host that is not known yet.',
    '1 secs',
    {
      minimum: 10,
      maximum: 60_000,
    },
  ),
})

export type RoutingSettings = Static<typeof routingSettings>

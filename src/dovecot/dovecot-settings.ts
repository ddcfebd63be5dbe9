import type { Static } from 'typebox'
import { secret, settings, text, time, words } from '../model/setting.js'
import { parseDoveadmUrl } from './doveadm-url.js'

/** The Dovecots whose own auth caches are flushed when an account is changed. */
export const dovecotSettings = settings({
  doveadm_urls: words(
    'The proxies and backends whose own auth caches forget a user that Homing changes: `http://proxy1:8080` or `https://…` (doveadm’s HTTP API; 2.4.1 crashes on this request), `doveadm://proxy1:24245` or `doveadms://…` (doveadm’s own protocol, every version).',
    [],
    {
      example: '["https://proxy1:8443", "doveadm://backend1:24245"]',
      check: urls => {
        for (const url of urls) {
          const parsed = parseDoveadmUrl(url)
          if ('wrong' in parsed) return parsed.wrong
        }
        return undefined
      },
    },
  ),
  doveadm_api_key: secret('doveadm_api_key of those that are asked over HTTP.'),
  doveadm_password: secret('doveadm_password of those that are asked over doveadm’s own protocol.'),
  doveadm_timeout: time(
    'A Dovecot that has not answered by then has not confirmed; each connection has this time (doveadm’s own protocol takes some 900 bytes of names over one).',
    '2 secs',
    {
      minimum: 1,
    },
  ),
  doveadm_tls_ca_file: text(
    'PEM file of the authorities that https:// and doveadms:// trust; empty: those of Node.',
    '',
  ),
})

export type DovecotSettings = Static<typeof dovecotSettings>

import t from 'tap'
import { parseDoveadmUrl } from '../../../src/dovecot/doveadm-url.js'

t.test('what a URL says', async t => {
  t.same(parseDoveadmUrl('http://proxy1:80'), {
    name: 'http://proxy1:80',
    protocol: 'http',
    tls: false,
    host: 'proxy1',
    port: 80,
  })
  t.match(parseDoveadmUrl('http://proxy1'), { port: 8080 })
  t.match(parseDoveadmUrl('https://[::1]:443/doveadm/v1'), { tls: true, host: '::1', port: 443 })
  t.match(parseDoveadmUrl('doveadm://10.0.0.1'), { protocol: 'doveadm', tls: false, port: 24245 })
  t.match(parseDoveadmUrl('doveadms://backend:2424'), { protocol: 'doveadm', tls: true, port: 2424 })
})

t.test('what is none', async t => {
  for (const wrong of [
    'proxy1',
    'proxy1:8080',
    'ftp://proxy1',
    'http://',
    'http://proxy1/other',
    'http://u:p@h',
  ]) {
    t.ok('wrong' in parseDoveadmUrl(wrong), wrong)
  }
})

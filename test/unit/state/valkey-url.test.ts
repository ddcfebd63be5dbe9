import t from 'tap'
import { parseValkeyUrl } from '../../../src/state/valkey-url.js'

t.test('what a URL says', async t => {
  t.same(parseValkeyUrl('redis://valkey1'), {
    place: { host: 'valkey1', port: 6379 },
    tls: false,
    user: undefined,
    password: undefined,
    database: 0,
    name: 'redis://valkey1:6379/0',
  })
  t.same(parseValkeyUrl('rediss://homing:p%40ss@[::1]:6380/3'), {
    place: { host: '::1', port: 6380 },
    tls: true,
    user: 'homing',
    password: 'p@ss',
    database: 3,
    name: 'rediss://homing@[::1]:6380/3',
  })
  t.match(parseValkeyUrl('valkeys://v1'), { tls: true })
  t.match(parseValkeyUrl('unix:/run/valkey/valkey.sock'), { place: { path: '/run/valkey/valkey.sock' } })
  t.match(parseValkeyUrl('unix:///run/valkey.sock'), { place: { path: '/run/valkey.sock' } })
})

t.test('what is wrong is said without the password', async t => {
  for (const wrong of [
    'valkey1:6379',
    'http://:hunter2@valkey1',
    'redis://:hunter2@valkey1/zero',
    'redis://:hunter2%@valkey1',
    'redis://:hunter2/@valkey1',
    'unix:valkey.sock',
    'redis://',
  ]) {
    const parsed = parseValkeyUrl(wrong)
    t.ok('wrong' in parsed, wrong)
    t.notMatch(JSON.stringify(parsed), /hunter2/)
  }
})

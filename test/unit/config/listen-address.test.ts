import t from 'tap'
import { formatListenAddress, isLoopback, parseListenAddress } from '../../../src/config/listen-address.js'

t.test('unix sockets, IPv4 and IPv6 addresses are read', async t => {
  t.same(parseListenAddress('unix:/run/homing/http.sock'), {
    address: { kind: 'unix', path: '/run/homing/http.sock' },
  })
  t.same(parseListenAddress('127.0.0.1:8080'), { address: { kind: 'tcp', host: '127.0.0.1', port: 8080 } })
  t.same(parseListenAddress('[::1]:8080'), { address: { kind: 'tcp', host: '::1', port: 8080 } })
  t.same(parseListenAddress('127.0.0.1:0'), { address: { kind: 'tcp', host: '127.0.0.1', port: 0 } })
})

t.test('localhost is 127.0.0.1 and * is every IPv4 address', async t => {
  t.same(parseListenAddress('localhost:1'), { address: { kind: 'tcp', host: '127.0.0.1', port: 1 } })
  t.same(parseListenAddress('*:1'), { address: { kind: 'tcp', host: '0.0.0.0', port: 1 } })
})

t.test('what is no address is refused with examples of right ones', async t => {
  const texts = ['', '8080', '127.0.0.1', ':8080', '127.0.0.1:', '127.0.0.1:x', '::1:8080', '[::1]', 'unix:']
  for (const text of [...texts, 'mail.example.org:80', '[127.0.0.1]:80', '127.0.0.1:-1']) {
    t.match(parseListenAddress(text), { wrong: /./, right: /127\.0\.0\.1:8080/ }, text)
  }
  t.match(parseListenAddress('127.0.0.1:65536'), { wrong: 'there is no port 65536' })
  t.match(parseListenAddress(`unix:/${'x'.repeat(107)}`), { wrong: /too long/ })
})

t.test('only unix sockets, 127.0.0.0/8 and ::1 are within this machine', async t => {
  const within = (text: string) => {
    const parsed = parseListenAddress(text)
    return 'address' in parsed && isLoopback(parsed.address)
  }
  for (const text of ['unix:/x', '127.0.0.1:1', '127.9.9.9:1', '[::1]:1']) t.ok(within(text), text)
  for (const text of ['0.0.0.0:1', '*:1', '192.0.2.1:1', '[::]:1', '[2001:db8::1]:1'])
    t.notOk(within(text), text)
})

t.test('an address is printed as it is written', async t => {
  for (const text of ['unix:/x', '127.0.0.1:1', '[::1]:1']) {
    const parsed = parseListenAddress(text)
    t.equal('address' in parsed && formatListenAddress(parsed.address), text)
  }
})

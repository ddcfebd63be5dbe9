import t from 'tap'
import { readStoredPassword, schemeNameOf, withDefaultScheme } from '../../../src/password/stored-password.js'

t.test('a value without scheme takes the default, one with scheme keeps its own', async t => {
  t.equal(withDefaultScheme('secret', 'PLAIN'), '{PLAIN}secret')
  t.equal(withDefaultScheme('{SHA1}x', 'PLAIN'), '{SHA1}x')
  t.equal(withDefaultScheme('{curly', 'PLAIN'), '{PLAIN}{curly')
  t.equal(withDefaultScheme('', 'CRYPT'), '{CRYPT}')
})

t.test('a value beginning with $1$ takes the default too, as in Dovecot', async t => {
  // auth-request.c:auth_request_set_password looks for braces only (2.3.19, 2.4.1).
  t.equal(withDefaultScheme('$1$salt$digest', 'MD5'), '{MD5}$1$salt$digest')
})

t.test('without any scheme $1$ is MD5-CRYPT, and what follows its digest is ignored', async t => {
  const read = readStoredPassword('$1$salt$digest$ignored')
  t.match(read, { kind: 'decoded', name: 'MD5-CRYPT' })
  t.equal(read.kind === 'decoded' && read.raw.toString(), '$1$salt$digest')
  t.match(readStoredPassword('$1$digest'), { verdict: 'malformed' })
})

t.test('the name of a scheme is told in capitals and without its encoding', async t => {
  t.equal(schemeNameOf('{ssha.b64}x'), 'SSHA')
  t.equal(schemeNameOf('$1$salt$digest'), 'MD5-CRYPT')
  t.equal(schemeNameOf('secret'), undefined)
})

t.test('a value is text in UTF-8 unless its encoding says otherwise', async t => {
  const raw = (stored: string) => {
    const read = readStoredPassword(stored)
    return read.kind === 'decoded' ? read.raw.toString('hex') : read.reason
  }
  t.equal(raw('{PLAIN}ü}'), 'c3bc7d')
  t.equal(raw('{PLAIN.HEX}fcFC'), 'fcfc')
  t.equal(raw('{PLAIN.B64}/A=='), 'fc')
  t.equal(raw('{PLAIN.base64}/A=='), 'fc')
  t.match(raw('{SHA512}qUqP5cyxm6YcTAhz05Hph5gvu9M='), /20 bytes instead of 64/)
})

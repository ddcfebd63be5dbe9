import t from 'tap'
import { findDovecot } from './dovecot-auth.js'
import { matrixSuite } from './oracle.suite.js'

t.test('Dovecot 2.3 agrees', async t => {
  const dovecot = findDovecot(t, '2.3')
  if (dovecot) await matrixSuite(t, dovecot, true)
})

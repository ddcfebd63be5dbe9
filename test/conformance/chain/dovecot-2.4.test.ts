import t from 'tap'
import { findDovecot } from './dovecot-auth.js'
import { matrixSuite } from './oracle.suite.js'

t.test('Dovecot 2.4 agrees', async t => {
  // The whole was run when the engine was proven, and proven.test.ts keeps that; 2.3 guards the rest.
  const dovecot = findDovecot(t, '2.4')
  if (dovecot) await matrixSuite(t, dovecot, false)
})

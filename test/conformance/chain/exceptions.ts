// Where we differ from Dovecot, and why. Whatever differs and is not named here fails the tests, and so does a
// name that nothing needs any more.

import type { ChainOutcome, ChainQuestion } from '../../../src/auth/chain-outcome.js'
import type { Reply } from './auth-socket.js'
import type { DovecotVersion } from './passdb-block.js'

/** Several may concern one walk; they are applied in the order in which they stand here. */
export interface Exception {
  readonly name: string
  readonly reason: string
  readonly versions: readonly DovecotVersion[]
  readonly question: ChainQuestion
  /** Whether it concerns a walk that ended like this. */
  applies(outcome: ChainOutcome): boolean
  /** What this Dovecot says where we say `ours`. */
  dovecot(ours: Reply, version: DovecotVersion): Reply
}

const isMasterless = ({ reason }: ChainOutcome) => reason === 'No master passdb accepted the master user'
const lastIsNext = ({ trace }: ChainOutcome) => trace.at(-1)?.result === 'next'

export const exceptions: readonly Exception[] = [
  {
    name: 'a master login without a master',
    reason:
      'when a rule says ok although every master passdb said no, Dovecot logs the master in as itself; we refuse, since nobody became the login user',
    versions: ['2.3', '2.4'],
    question: 'verify',
    applies: isMasterless,
    dovecot: ({ fields }) => ({ word: 'OK', fields }),
  },
  {
    name: 'success before a last next',
    reason:
      '2.3 forgets the success of an earlier link when the last one says noauthenticate; 2.4 keeps it, as we do',
    versions: ['2.3'],
    question: 'verify',
    applies: outcome => (outcome.result === 'ok' || isMasterless(outcome)) && lastIsNext(outcome),
    dovecot: ({ fields }) => ({ word: 'FAIL', fields: new Map([...fields, ['code', 'temp_fail']]) }),
  },
  {
    name: 'success before a last next, in a lookup',
    reason: 'the same',
    versions: ['2.3'],
    question: 'lookup',
    applies: outcome => outcome.result === 'ok' && lastIsNext(outcome),
    dovecot: () => ({ word: 'FAIL', fields: new Map() }),
  },
  {
    name: 'nopassword from a deny link',
    reason:
      'Dovecot leaves the chain before it takes nopassword away and shows it to the client; it says nothing there',
    versions: ['2.3', '2.4'],
    question: 'verify',
    applies: outcome => outcome.result === 'user_disabled' && lastIsNext(outcome),
    dovecot: ({ word, fields }, version) => ({
      word,
      fields: new Map([...fields, ['nopassword', version === '2.3' ? '' : 'yes']]),
    }),
  },
  {
    name: 'nopassword in a lookup',
    reason:
      'whoever looks up through us has to compare the password and must know that any will do; Dovecot shows it to nobody',
    versions: ['2.3', '2.4'],
    question: 'lookup',
    applies: outcome => outcome.fields.has('nopassword'),
    dovecot: ({ word, fields }) => ({
      word,
      fields: new Map([...fields].filter(([name]) => name !== 'nopassword')),
    }),
  },
]

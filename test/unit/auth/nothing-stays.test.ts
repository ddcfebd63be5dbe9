// What an answer is made of is gone when it has left: an object whose hidden class V8 makes anew each time (a spread with
// members behind it, once the class has run out of room) leaves that class behind, old from the start, and every access to
// it misses the inline caches.

import { spawnSync } from 'node:child_process'
import t from 'tap'

const source = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)

/** Bytes that become old of each question. */
const program = `
import { getHeapSpaceStatistics } from 'node:v8'
import { createAuth } from ${source('auth/create-auth.js')}
import { createChain } from ${source('auth/passdb-chain.js')}
import { Password } from ${source('model/password.js')}
const fields = new Map([['proxy', 'y'], ['host', 'backend.example.org'], ['destuser', 'anna']])
const lookup = ({ user }) => user === 'anna'
  ? { result: 'ok', credentials: { stored: '{PLAIN}secret' }, fields }
  : { result: 'user_unknown' }
const link = {
  name: 'proxy',
  passdb: { driver: 'test', lookup },
  master: false,
  deny: false,
  skip: 'never',
  resultSuccess: 'return-ok',
  resultFailure: 'return-fail',
  resultInternalfail: 'return-fail',
  defaultFields: [],
  overrideFields: [],
  defaultPasswordScheme: 'PLAIN',
}
const auth = createAuth({
  chain: createChain([link]),
  userdbs: [],
  usernameRules: { normalise: user => ({ user }), normaliseStored: user => user },
  masterUserSeparator: '',
  verifier: {
    verify: (stored, password) => ({ verdict: password.reveal() === 'secret' ? 'match' : 'mismatch' }),
    verifyNothing: async () => ({ verdict: 'mismatch' }),
  },
  clock: { now: () => 0, unixSeconds: () => 1_800_000_000 },
  report: () => {},
})
const asking = {
  login: () => auth.authenticate({ user: 'anna', protocol: 'imap' }, new Password('secret')),
  'wrong password': () => auth.authenticate({ user: 'anna', protocol: 'imap' }, new Password('guess')),
  'unknown user': () => auth.authenticate({ user: 'berta', protocol: 'imap' }, new Password('secret')),
  lookup: () => auth.lookupPassdb({ user: 'anna', protocol: 'lmtp' }),
}
const old = () => getHeapSpaceStatistics().find(space => space.space_name === 'old_space').space_used_size
const QUESTIONS = 10_000
const left = {}
for (const [name, ask] of Object.entries(asking)) {
  // What is compiled becomes old as well.
  for (let i = 0; i < QUESTIONS; i++) await ask()
  gc()
  const before = old()
  for (let i = 0; i < QUESTIONS; i++) await ask()
  left[name] = (old() - before) / QUESTIONS
}
console.log(JSON.stringify(left))`

t.test('a question leaves nothing behind', async t => {
  const flags = ['--expose-gc', '--max-semi-space-size=1', '--input-type=module']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' })
  t.equal(stderr, '')
  const left: Record<string, number> = JSON.parse(stdout)
  t.equal(Object.keys(left).length, 4)
  for (const [name, bytes] of Object.entries(left)) t.ok(bytes < 100, `${name}: ${bytes} bytes`)
})

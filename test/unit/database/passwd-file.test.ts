import { rename, rm, writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { openPasswdFile } from '../../../src/database/passwd-file.js'

/** A file with this text, its path, and a clock that is moved by hand. */
async function opened(t: Test, text?: string) {
  const dir = t.testdir(text === undefined ? {} : { passwd: text })
  const path = `${dir}/passwd`
  const warnings: string[] = []
  let now = 0
  const file = await openPasswdFile({
    path,
    normalise: name => name.toLowerCase(),
    warn: message => warnings.push(message.replaceAll(dir, '')),
    clock: { now: () => now, unixSeconds: () => 0 },
  })
  const names = async (mask = '*') => {
    const found: string[] = []
    for await (const user of file.list(mask, ({ userdb }) => userdb !== undefined)) found.push(user)
    return found
  }
  return { dir, path, file, warnings, names, pass: (ms: number) => (now += ms) }
}

t.test('a changed file is read again, a second later at the latest', async t => {
  const { path, file, pass } = await opened(t, 'anna:{PLAIN}p\n')
  t.match(await file.find('anna'), { found: 'one', account: { password: '{PLAIN}p' } })
  await writeFile(`${path}.new`, 'anna:{PLAIN}q\n')
  await rename(`${path}.new`, path)
  pass(999)
  t.match(await file.find('anna'), { account: { password: '{PLAIN}p' } }, 'not looked at twice in a second')
  pass(1)
  t.match(await file.find('anna'), { account: { password: '{PLAIN}q' } })
})

t.test('a file that cannot be read is trouble for everybody, and well again when it can', async t => {
  const { dir, path, file, names, warnings, pass } = await opened(t)
  t.same(warnings, ['passwd-file /passwd: ENOENT'])
  const found = await file.find('anna')
  t.match(found, { found: 'error', reason: `passwd-file ${dir}/passwd: ENOENT`, cause: { code: 'ENOENT' } })
  await t.rejects(names(), { message: `passwd-file ${dir}/passwd: ENOENT` }, 'nor is it an empty list')
  await writeFile(path, 'anna:{PLAIN}p\n')
  pass(1000)
  t.match(await file.find('anna'), { found: 'one' })
  await rm(path)
  pass(1000)
  t.match(await file.find('anna'), { found: 'error' }, 'gone again, and not remembered')
  t.match(await file.find('nobody'), { found: 'error' }, 'not unknown either')
})

t.test('what is not a file is never opened', async t => {
  const dir = t.testdir({ passwd: {} })
  const file = await openPasswdFile({ path: `${dir}/passwd`, normalise: name => name, warn: () => {} })
  t.match(await file.find('anna'), { found: 'error', reason: /not a regular file/ })
})

t.test('bad lines are told once per change, and are trouble for their users only', async t => {
  const { dir, file, warnings, pass } = await opened(t, 'anna:p:0:0\nbob:{PLAIN}p\nBob:{PLAIN}q\n')
  t.same(warnings, [
    'passwd-file /passwd, line 1: has a uid or gid that can be none',
    'passwd-file /passwd, line 3: the user exists more than once, the first line counts',
  ])
  t.same(await file.find('anna'), {
    found: 'error',
    reason: `passwd-file ${dir}/passwd, line 1: has a uid or gid that can be none`,
  })
  t.match(await file.find('bob'), { found: 'one', account: { line: 2 } })
  pass(5000)
  await file.find('bob')
  t.equal(warnings.length, 2, 'the file has not changed')
})

t.test('listing gives normalised names that match the mask', async t => {
  const { names } = await opened(t, 'Anna@x:p:1:1\nbob@x:p:1:1\nbob@y:p:1:1\nonly:passdb\n')
  t.same(await names(), ['anna@x', 'bob@x', 'bob@y'])
  t.same(await names('bob@?'), ['bob@x', 'bob@y'])
})

t.test('a wait ends with its signal', async t => {
  const { file, dir, pass } = await opened(t, 'anna:p\n')
  pass(1000)
  t.same(await file.find('anna', AbortSignal.abort()), {
    found: 'error',
    reason: `passwd-file ${dir}/passwd: not read before the deadline`,
  })
  t.match(await file.find('anna', new AbortController().signal), { found: 'one' })
})

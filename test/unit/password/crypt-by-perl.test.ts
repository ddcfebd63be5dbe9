import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CryptByPerl } from '../../../src/password/compute-platform-crypt.js'
import { NotAvailable } from '../../../src/password/not-available.js'

const folder = mkdtempSync(join(tmpdir(), 'homing-crypt-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** What stands where perl would: it reads a line and answers by the script. */
function standIn(name: string, script: string): CryptByPerl {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  const crypt = new CryptByPerl([file])
  t.teardown(() => crypt.end())
  return crypt
}

const hex = (text: string) => Buffer.from(text).toString('hex')
const known = '$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2'
const setting = Buffer.from('$y$j9T$salt$')
const ask = (crypt: CryptByPerl) => crypt.compute('yescrypt', setting, Buffer.from('secret'))

t.test('without perl no such method is available', async t => {
  const crypt = new CryptByPerl([join(folder, 'no-such-perl')])
  await t.rejects(ask(crypt), NotAvailable)
  t.match(crypt.name, /^nothing/)
})

t.test('a crypt(3) that does not know a method is not asked about passwords', async t => {
  const crypt = standIn('musl', `while read line; do echo "$line" >>${folder}/asked; echo ${hex('*')}; done`)
  await t.rejects(ask(crypt), NotAvailable)
  await t.rejects(ask(crypt), NotAvailable)
})

t.test('a value that crypt(3) refuses is trouble, not a wrong password', async t => {
  const crypt = standIn('strict', `read a; echo ${hex(known)}; while read b; do echo ${hex('*0')}; done`)
  await t.rejects(ask(crypt), /refuses/)
})

t.test('one that ends in the middle is started again for the next question', async t => {
  const answers = `echo ${hex(known)}; read b; echo ${hex(`${setting}digest`)}`
  const crypt = standIn('frail', `if mkdir ${folder}/once; then exit 1; fi; read a; ${answers}`)
  await t.rejects(ask(crypt), /ended/)
  t.equal(Buffer.from(await ask(crypt)).toString(), `${setting}digest`)
})

// Names that are no UTF-8, every class of them, at every door: nobody, nothing crashes, and the next one is answered.

import t from 'tap'
import { openEveryDoor } from './every-door.js'

const classes: Readonly<Record<string, readonly number[]>> = {
  'a continuation alone': [0x80],
  'the last continuation alone': [0xbf],
  'two continuations': [0xa9, 0xa9],
  'two bytes, cut': [0xc3],
  'two bytes, the second no continuation': [0xc3, 0x28],
  'three bytes, cut after one': [0xe2],
  'three bytes, cut after two': [0xe2, 0x82],
  'four bytes, cut after three': [0xf0, 0x9f, 0x92],
  'an overlong slash of two bytes': [0xc0, 0xaf],
  'an overlong NUL': [0xc0, 0x80],
  'an overlong A of two bytes': [0xc1, 0x81],
  'an overlong slash of three bytes': [0xe0, 0x80, 0xaf],
  'an overlong slash of four bytes': [0xf0, 0x80, 0x80, 0xaf],
  'a high surrogate': [0xed, 0xa0, 0x80],
  'a low surrogate': [0xed, 0xbf, 0xbf],
  'a pair of surrogates (CESU-8)': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
  'beyond U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
  'five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80],
  'six bytes': [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
  'bytes that no encoding has': [0xfe, 0xff],
  'Latin-1': [0x67, 0x72, 0xfc, 0xdf, 0x65],
}

for (const characters of ['the usual characters', 'every character']) {
  t.test(`${characters} allowed`, async t => {
    const { ask, verify, grant, allow, dict, homing } = await openEveryDoor(
      t,
      characters === 'every character'
        ? 'auth_username_chars = ""\nlogin_events = "all"\n'
        : 'login_events = "all"\n',
    )
    const anna = Buffer.from('anna@example.org')
    await ask('POST', 'local-users', { user: 'anna@example.org', clear_password: 'right' })
    const { pid } = homing
    for (const [title, bytes] of Object.entries(classes)) {
      const name = Buffer.concat([Buffer.from('anna'), Buffer.from(bytes), Buffer.from('@example.org')])
      t.match(
        await verify(name, 'right'),
        { status: 200, body: { result: 'user_unknown' } },
        `HTTP: ${title}`,
      )
      t.match(
        await grant(name, 'right'),
        { status: 200, body: { result: 'user_unknown' } },
        `oauth2: ${title}`,
      )
      const { status, body } = await allow(name)
      t.equal(status, 200, `policy: ${title}`)
      t.ok(Number.isInteger((body as { status?: unknown }).status), `policy: ${title}`)
      t.match(await dict(name, 'right'), /^N/, `dict: ${title}`)
    }
    t.match(await verify(anna, 'right'), { body: { result: 'ok' } })
    t.match(await grant(anna, 'right'), { body: { result: 'ok' } })
    t.match(await dict(anna, 'right'), /^O/)
    t.match(await allow(anna), { body: { status: 0 } })
    t.equal(homing.pid, pid)
    process.kill(pid, 0)
    t.notMatch(await homing.log(), /"msg":"bug/)
  })
}

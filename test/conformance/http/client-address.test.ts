// Whose word on a client's address counts: the caller's, if trusted_networks holds it.

import t, { type Test } from 'tap'
import { openListener } from './listener.js'

const anna = {
  result: 'ok' as const,
  credentials: { stored: '{PLAIN}secret' },
  fields: new Map<string, string>(),
}
const only = (allowNets: string) => ({ ...anna, fields: new Map([['allow_nets', allowNets]]) })

async function ask(t: Test, trusted_networks: string[], allowNets: string, stated: object) {
  const listener = await openListener(() => only(allowNets), { settings: { trusted_networks } })
  t.teardown(listener.close)
  const response = await fetch(`${listener.url}/v1/passdb/verify`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': '192.0.2.66',
      forwarded: 'for=192.0.2.66',
    },
    body: JSON.stringify({ user: 'anna', password: 'secret', ...stated }),
  })
  const { result, error } = (await response.json()) as { result?: string; error?: string }
  return { status: response.status, said: result ?? error, remoteIp: listener.events[0]?.remoteIp }
}

const client = { remote_ip: '192.0.2.1' }

t.test('who may ask may state an address, unless trusted_networks says who may', async t => {
  t.same(await ask(t, [], '192.0.2.0/24', client), { status: 200, said: 'ok', remoteIp: '192.0.2.1' })
  t.same(await ask(t, ['127.0.0.0/8'], '192.0.2.0/24', client), {
    status: 200,
    said: 'ok',
    remoteIp: '192.0.2.1',
  })
})

t.test('a caller outside is refused when it states an address, and nothing is answered', async t => {
  const refused = { status: 403, said: 'forbidden', remoteIp: undefined }
  t.same(await ask(t, ['192.0.2.10'], '192.0.2.0/24', client), refused)
  t.same(await ask(t, ['192.0.2.10'], '192.0.2.0/24', { real_remote_ip: '192.0.2.1' }), refused)
})

t.test('a caller outside that states none is the client itself', async t => {
  const own = { status: 200, remoteIp: '127.0.0.1' }
  t.same(await ask(t, ['192.0.2.10'], '127.0.0.1', {}), { ...own, said: 'ok' })
  t.same(
    await ask(t, ['192.0.2.10'], 'local', {}),
    { ...own, said: 'user_unknown' },
    'nor does it pass as local',
  )
  t.same(
    await ask(t, ['192.0.2.10'], '127.0.0.1', { remote_ip: '' }),
    { ...own, said: 'ok' },
    'empty is not stated',
  )
})

t.test('headers say nothing about a client', async t => {
  t.same(await ask(t, [], '192.0.2.66', {}), { status: 200, said: 'user_unknown', remoteIp: undefined })
})

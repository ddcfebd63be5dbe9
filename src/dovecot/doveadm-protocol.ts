// Flushes one Dovecot's auth cache over doveadm's own protocol, version 1.0. Proved on 2.3.19 and 2.4.1.
//
//   C: VERSION	doveadm-server	1	0
//   S: -                                      (log in first)
//   C: PLAIN	base64(NUL doveadm NUL password)
//   S: +
//   C: 		auth cache flush	anna	ben
//   S: 2	                                       (entries)
//   S: +                                      (- : it failed)

import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { DoveadmCall } from './doveadm-call.js'
import { nameGroups } from './name-groups.js'

const LARGEST_REPLY = 64 * 1024

/** How many entries were forgotten. Rejects with what may be shown to the operator. */
export async function flushOverDoveadm(call: DoveadmCall): Promise<number> {
  if (call.users.length === 0) {
    throw new Error('doveadm’s own protocol forgets named users only; run `doveadm auth cache flush` there')
  }
  let entries = 0
  // A connection each: the answer to a second command on one comes in another order.
  for (const names of nameGroups(call.users)) entries += await flushNames(call, names)
  return entries
}

async function flushNames(call: DoveadmCall, names: readonly string[]): Promise<number> {
  const dialogue = await openDialogue(call)
  try {
    dialogue.send('VERSION\tdoveadm-server\t1\t0')
    if ((await dialogue.line()) === '-') {
      dialogue.send(`PLAIN\t${Buffer.from(`\0doveadm\0${call.secret}`).toString('base64')}`)
      if ((await dialogue.line()) !== '+') throw new Error('doveadm_password is not the right one')
    }
    dialogue.send(`\t\tauth cache flush\t${names.join('\t')}`)
    const count = await dialogue.line()
    const verdict = await dialogue.line()
    if (verdict !== '+' || !/^\d+\t$/.test(count)) throw new Error('it did not do it; its log says why')
    return Number(count.trim())
  } finally {
    dialogue.close()
  }
}

interface Dialogue {
  send(line: string): void
  /** The next line; rejects when the connection ends first. */
  line(): Promise<string>
  close(): void
}

function openDialogue({ place: { host, port, tls }, ca, deadline }: DoveadmCall): Promise<Dialogue> {
  const signal = deadline()
  const socket: Socket = tls ? connectTls({ host, port, ...(ca && { ca }) }) : connectTcp({ host, port })
  const lines: string[] = []
  let rest = ''
  let failure: Error | undefined
  let wake = () => {}
  const fail = (cause: Error) => {
    failure ??= cause
    socket.destroy()
    wake()
  }
  const tooLate = () => fail(new Error('too late'))
  signal.addEventListener('abort', tooLate)
  socket.setEncoding('utf8')
  socket.on('error', fail)
  socket.on('close', () => {
    signal.removeEventListener('abort', tooLate)
    fail(new Error('it closed the connection; its log says why'))
  })
  socket.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    if (rest.length > LARGEST_REPLY) return fail(new Error('its answer is too long'))
    wake()
  })
  const dialogue: Dialogue = {
    send: line => void socket.write(`${line}\n`),
    line: async () => {
      for (;;) {
        const line = lines.shift()
        // From 1.1 on a server says its version too.
        if (line?.startsWith('VERSION\t')) continue
        if (line !== undefined) return line
        if (failure) throw failure
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    close: () => socket.destroy(),
  }
  return new Promise((resolve, reject) => {
    wake = () => (failure ? reject(failure) : resolve(dialogue))
    socket.once(tls ? 'secureConnect' : 'connect', () => wake())
  })
}

// A machine behind a set of nftables rules, and a network beside it: two network namespaces and a cable.

import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Question {
  /** The machine's own addresses, with which it is reached. */
  readonly machine: readonly string[]
  /** Who tries to connect. */
  readonly callers: readonly string[]
  readonly ports: readonly number[]
}

/** Whether this process may make network namespaces and load rules in them. */
export function canFirewall(): boolean {
  return spawnSync('unshare', ['-n', 'sh', '-c', 'nft list ruleset && ip link set lo up']).status === 0
}

/** The ports at which each caller gets a connection, all of them being listened on. */
export async function openPorts(rules: string, question: Question): Promise<Map<string, number[]>> {
  const env = { ...process.env, RULES: rules, QUESTION: JSON.stringify(question), NODE: process.execPath }
  const script = machine(question)
  const { stdout } = await run('unshare', ['-n', 'sh', '-ec', script], {
    env: { ...env, LISTEN: listen, CONNECT: connect },
    timeout: 40_000,
    killSignal: 'SIGKILL',
  })
  return new Map(JSON.parse(stdout) as [string, number[]][])
}

/** The caller's namespace is that of a sleeping process, which goes with the cable's other end. */
function machine({ machine, callers }: Question): string {
  const length = (address: string) => (address.includes(':') ? '64 nodad' : '24')
  return `
unshare -n sleep 60 & outside=$!
trap 'kill $outside $server 2>/dev/null' EXIT
until [ "$(readlink /proc/$outside/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
ip link set lo up
ip link add name inner type veth peer name outer netns $outside
ip link set inner up
nsenter -t $outside -n ip link set outer up
${machine.map(address => `ip address add ${address}/${length(address)} dev inner`).join('\n')}
${callers.map(address => `nsenter -t $outside -n ip address add ${address}/${length(address)} dev outer`).join('\n')}
printf '%s' "$RULES" | nft -f -
"$NODE" -e "$LISTEN" >/dev/null & server=$!
nsenter -t $outside -n "$NODE" -e "$CONNECT"`
}

const listen = `
for (const port of JSON.parse(process.env.QUESTION).ports) {
  require('net').createServer(socket => socket.destroy()).listen(port, '::')
}`

/** A refused connection is tried again, since whoever listens may still be starting; a dropped packet has no answer. */
const connect = `
const { machine, callers, ports } = JSON.parse(process.env.QUESTION)
const isV6 = address => address.includes(':')
const once = (caller, port) => new Promise(resolve => {
  const host = machine.find(address => isV6(address) === isV6(caller))
  const socket = require('net').connect({ host, port, localAddress: caller })
  const end = what => { clearTimeout(timer); socket.destroy(); resolve(what) }
  const timer = setTimeout(end, 1500, 'dropped')
  socket.on('connect', () => end('open')).on('error', error => end(error.code))
})
const patiently = async (caller, port) => {
  for (let tries = 0; tries < 200; tries++) {
    const what = await once(caller, port)
    if (what === 'open' || what === 'dropped') return what
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('nobody listens at ' + port)
}
Promise.all(callers.map(async caller => {
  const found = await Promise.all(ports.map(async port => [port, await patiently(caller, port)]))
  return [caller, found.filter(([, what]) => what === 'open').map(([port]) => port)]
})).then(all => console.log(JSON.stringify(all)))`

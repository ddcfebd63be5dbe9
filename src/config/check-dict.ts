// The dict protocol is spoken on unix sockets and nowhere else.

import type { Config } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import { parseListenAddress } from './listen-address.js'

const right = '"unix:/run/homing/dict.sock"'

/** Dovecot connects to unix sockets only, and whoever connects is shown stored passwords: the network may not. */
export function findDictFaults({ settings, origins }: Config): ConfigProblem[] {
  const key = 'dict_listen'
  const source = origins.get(key)?.source ?? 'configuration'
  const addresses = (settings[key] as readonly string[] | undefined) ?? []
  return addresses.flatMap(text => {
    const parsed = parseListenAddress(text)
    if ('wrong' in parsed) return { source, key, wrong: parsed.wrong, right }
    return parsed.address.kind === 'unix' ? [] : { source, key, wrong: `"${text}" is no unix socket`, right }
  })
}

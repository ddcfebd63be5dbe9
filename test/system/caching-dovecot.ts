// A Dovecot with an auth cache of its own and doveadm listening: what it caches is the first line of a file.

import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { askLogins } from '../conformance/chain/auth-socket.js'
import { findDovecot, startDovecotAuth } from '../conformance/chain/dovecot-auth.js'
import type { DovecotVersion } from '../conformance/chain/passdb-block.js'
import { freePorts } from './free-ports.js'

export interface CachingDovecot {
  readonly httpPort: number
  readonly doveadmPort: number
  readonly key: string
  readonly password: string
  /** Everybody's, from now on. */
  setPassword(password: string): void
  /** Whether this password lets the user in. */
  letsIn(user: string, password: string): Promise<boolean>
  log(): string
}

/** undefined, with the test skipped or failed, where this Dovecot is missing. */
export async function startCachingDovecot(
  t: Test,
  version: DovecotVersion,
): Promise<CachingDovecot | undefined> {
  const installation = findDovecot(t, version)
  if (!installation) return undefined
  const [httpPort = 0, doveadmPort = 0] = await freePorts(2)
  const [key, password] = ['kéy: of=the/API', 'pässword']
  const listen = version === '2.3' ? 'address' : 'listen'
  const config = `
auth_cache_size = 1M
auth_cache_ttl = 1 hour
auth_cache_negative_ttl = 1 hour
doveadm_api_key = ${key}
doveadm_password = ${password}
service doveadm {
  inet_listener http {
    ${listen} = 127.0.0.1
    port = ${httpPort}
  }
  inet_listener doveadm {
    ${listen} = 127.0.0.1
    port = ${doveadmPort}
  }
}
${passdb[version]}`
  const dovecot = await startDovecotAuth(installation, {
    config,
    files: { 'auth.lua': lua(version), password: 'one\n' },
  })
  t.teardown(() => dovecot.stop())
  const passwordFile = join(dirname(dirname(dovecot.clientSocket)), 'password')
  return {
    httpPort,
    doveadmPort,
    key,
    password,
    setPassword: text => writeFileSync(passwordFile, `${text}\n`),
    letsIn: async (user, given) => {
      const [reply] = await askLogins(dovecot.clientSocket, [{ user, password: given }])
      return reply?.word === 'OK'
    },
    log: dovecot.log,
  }
}

const passdb: Readonly<Record<DovecotVersion, string>> = {
  '2.3': 'passdb {\n  driver = lua\n  args = file=FOLDER/auth.lua blocking=yes\n}\n',
  '2.4': 'passdb lua {\n  lua_file = FOLDER/auth.lua\n}\n',
}

function lua(version: DovecotVersion): string {
  const found = version === '2.3' ? "'password={PLAIN}' .. text" : "{ password = '{PLAIN}' .. text }"
  return `
function auth_passdb_lookup(request)
  local file = io.open('FOLDER/password')
  local text = file:read('*l')
  file:close()
  return dovecot.auth.PASSDB_RESULT_OK, ${found}
end
function auth_passdb_get_cache_key()
  return '%{user}'
end
function script_init() return 0 end
function script_deinit() end
`
}

// What the Dovecots of the end-to-end measurement are configured with: a door of deploy/, or the guide's passdb sql.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AskedService, type Door, siteValues, withDoor, withSiteValues } from '../../system/doors.js'
import type { MariadbServer } from '../../system/mariadb-server.js'

export type Major = '2.3' | '2.4'

export interface DovecotFiles {
  readonly config: string
  readonly files: Record<string, string>
}

/** Its own cache off; the last word on what the files say. */
export const limits: Readonly<Record<Major, (workers?: number) => string>> = {
  '2.3': workers => `
auth_cache_size = 0
${workers === undefined ? '' : `auth_worker_max_count = ${workers}`}
service auth {
  client_limit = 4000
}
`,
  '2.4': workers => `
auth_cache_size = 0
${workers === undefined ? '' : `service auth-worker {\n  process_limit = ${workers}\n}`}
service auth {
  client_limit = 4000
}
`,
}

/** The files of deploy/ as they stand, for a Dovecot that does nothing but authenticate. */
export function doorFiles(major: Major, door: Door, service: AskedService): DovecotFiles {
  const folder = join(import.meta.dirname, `../../../../deploy/dovecot-${major}`)
  const read = (name: string) => {
    const text = readFileSync(join(folder, name), 'utf8')
    const inPlace = text
      .replaceAll('/etc/dovecot/', 'FOLDER/')
      .replaceAll('/run/homing/', `${service.socketFolder ?? ''}/`)
    return major === '2.3' ? withSiteValues(name, inPlace, service) : inPlace
  }
  const names = readdirSync(folder).filter(name => /^door-|\.(lua|ext)$/.test(name))
  const files = Object.fromEntries(names.map(name => [name, withDoor(read(name), door)]))
  const include = withDoor('!include door-lua.conf', door)
  return { config: `${include}\n${major === '2.4' ? siteValues(service) : ''}`, files }
}

type PassdbSql = (mariadb: MariadbServer) => DovecotFiles

/** The guide's proxy passdb, made right. */
const query = (user: string) =>
  `SELECT NULL AS password, 'Y' AS nopassword, host, port, 'Y' AS proxy, ` +
  `IF(ssl_mode = 'starttls', 'yes', NULL) AS starttls, IF(ssl_mode = 'ssl', 'yes', NULL) AS \`ssl\`, ` +
  `'Y' AS nodelay, destuser, 'Y' AS proxy_nopipelining FROM proxy_users WHERE username = '${user}' AND active = 1`

export const passdbSql: Readonly<Record<Major, PassdbSql>> = {
  '2.3': ({ port, user, password }) => ({
    config: 'passdb {\n  driver = sql\n  args = FOLDER/sql.conf.ext\n}\n',
    files: {
      'sql.conf.ext': `driver = mysql
connect = host=127.0.0.1 port=${port} dbname=bench user=${user} password=${password}
password_query = ${query('%u')}
`,
    },
  }),
  '2.4': ({ port, user, password }) => ({
    config: `sql_driver = mysql
mysql 127.0.0.1 {
  port = ${port}
  user = ${user}
  password = ${password}
  dbname = bench
}
passdb sql {
  query = ${query('%{user}')}
}
`,
    files: {},
  }),
}

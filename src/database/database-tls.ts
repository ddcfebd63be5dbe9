// What TLS to a database server needs: read when the database is named, so that a wrong setting is known at once.

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { ConfigError } from '../model/config-error.js'
import type { DatabaseSettings } from './database-settings.js'
import type { DatabaseHost } from './database-url.js'

export interface DatabaseTls {
  /** The certificate must be of an authority that we trust, and name the host. */
  readonly verify: boolean
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** undefined: no TLS. Throws ConfigError for files that cannot be read and hosts that cannot be verified. */
export function readDatabaseTls(
  settings: DatabaseSettings,
  hosts: readonly DatabaseHost[],
): DatabaseTls | undefined {
  const { database_tls, database_tls_ca_file, database_tls_cert_file, database_tls_key_file } = settings
  if (database_tls === 'no') return undefined
  const verify = database_tls === 'verify'
  if (verify) refuseAddresses(hosts)
  return {
    verify,
    ca: readPem('database_tls_ca_file', database_tls_ca_file),
    cert: readPem('database_tls_cert_file', database_tls_cert_file),
    key: readPem('database_tls_key_file', database_tls_key_file),
  }
}

/** mysql2 3.24 compares the certificate of a host given by address with the name "localhost". */
function refuseAddresses(hosts: readonly DatabaseHost[]): void {
  for (const address of hosts) {
    if ('host' in address && isIP(address.host)) {
      throw new ConfigError(
        `database_tls = "verify" cannot verify ${address.host}: name the server in database_url by the host name that its certificate holds`,
      )
    }
  }
}

function readPem(setting: string, file: string): string | undefined {
  if (file === '') return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(`${setting}: cannot read ${file} (${(cause as { code?: string }).code})`)
  }
}

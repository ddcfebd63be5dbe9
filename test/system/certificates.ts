// A certificate authority and what it signed, made anew for each test run.

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
}

export interface IssueOptions {
  readonly usage?: 'serverAuth' | 'clientAuth'
  /** How long it is valid; two days, if nothing else is said. Zero and less: it has expired. */
  readonly days?: number
}

export interface CertificateAuthority {
  /** The authority's own certificate, for whoever verifies. */
  readonly caFile: string
  /** A certificate for these names, `DNS:localhost` or `IP:127.0.0.1`: of a server, if nothing else is said. */
  issue(name: string, subjectAltNames: string, options?: IssueOptions): Promise<Certificate>
  /** A revocation list with this certificate, PEM. */
  revoke(certificate: Certificate): Promise<string>
}

/** Makes an authority in this folder. */
export async function createAuthority(folder: string, name: string): Promise<CertificateAuthority> {
  const file = (suffix: string) => join(folder, `${name}${suffix}`)
  const caFile = file('-ca.pem')
  await openssl('req', '-x509', '-days', '2', '-subj', `/CN=${name} test authority`)(file('-ca.key'), caFile)
  return {
    caFile,
    async issue(server, subjectAltNames, { usage = 'serverAuth', days = 2 } = {}) {
      const certFile = file(`-${server}.pem`)
      const keyFile = file(`-${server}.key`)
      const request = file(`-${server}.csr`)
      const extensions = file(`-${server}.ext`)
      await writeFile(extensions, `subjectAltName=${subjectAltNames}\nextendedKeyUsage=${usage}\n`)
      await openssl('req', '-subj', `/CN=${server}`)(keyFile, request)
      await run('openssl', [
        ...['x509', '-req', '-in', request, '-CA', caFile, '-CAkey', file('-ca.key'), '-CAcreateserial'],
        ...['-days', String(days), '-extfile', extensions, '-out', certFile],
      ])
      return { certFile, keyFile }
    },
    async revoke({ certFile }) {
      const config = file('-ca.cnf')
      const list = file('.crl')
      await writeFile(file('-index.txt'), '')
      await writeFile(
        config,
        `[ca]\ndefault_ca = it\n[it]\ndatabase = ${file('-index.txt')}\ndefault_md = sha256\ndefault_crl_days = 2\n`,
      )
      const ca = ['ca', '-config', config, '-cert', caFile, '-keyfile', file('-ca.key')]
      await run('openssl', [...ca, '-revoke', certFile])
      await run('openssl', [...ca, '-gencrl', '-out', list])
      return readFile(list, 'utf8')
    },
  }
}

/** `openssl req` with a new P-256 key. */
function openssl(...options: string[]) {
  return (keyFile: string, outFile: string) =>
    run('openssl', [
      ...options,
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', keyFile, '-out', outFile],
    ])
}

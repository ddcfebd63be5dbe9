// A certificate authority and what it signed, made anew for each test run.

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
}

export interface CertificateAuthority {
  /** The authority's own certificate, for whoever verifies. */
  readonly caFile: string
  /** A server certificate for these names, `DNS:localhost` or `IP:127.0.0.1`. */
  issue(name: string, subjectAltNames: string): Promise<Certificate>
}

/** Makes an authority in this folder. */
export async function createAuthority(folder: string, name: string): Promise<CertificateAuthority> {
  const file = (suffix: string) => join(folder, `${name}${suffix}`)
  const caFile = file('-ca.pem')
  await openssl('req', '-x509', '-days', '2', '-subj', `/CN=${name} test authority`)(file('-ca.key'), caFile)
  return {
    caFile,
    async issue(server, subjectAltNames) {
      const certFile = file(`-${server}.pem`)
      const keyFile = file(`-${server}.key`)
      const request = file(`-${server}.csr`)
      const extensions = file(`-${server}.ext`)
      await writeFile(extensions, `subjectAltName=${subjectAltNames}\nextendedKeyUsage=serverAuth\n`)
      await openssl('req', '-subj', `/CN=${server}`)(keyFile, request)
      await run('openssl', [
        ...['x509', '-req', '-in', request, '-CA', caFile, '-CAkey', file('-ca.key'), '-CAcreateserial'],
        ...['-days', '2', '-extfile', extensions, '-out', certFile],
      ])
      return { certFile, keyFile }
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

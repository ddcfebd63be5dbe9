// From the files that the settings name to what a TLS server needs, or what is wrong with them. Contents are in no message.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { DoorTlsFiles, TlsFile } from './tls-settings.js'

/** What stands in the files of a door. */
export interface TlsTexts {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
}

export interface TlsFault {
  readonly setting: string
  readonly wrong: string
  readonly right?: string
}

export interface ReadTls {
  readonly context: SecureContextOptions
  readonly certificate: CertificateFacts
}

export interface CertificateFacts {
  readonly file: string
  readonly validFromMs: number
  readonly validToMs: number
}

export type TlsReading = ReadTls | { readonly faults: readonly TlsFault[] }

/** Reads and checks all files of a door. For the start and `config check`; a running service reads without waiting. */
export function readTlsFiles(files: DoorTlsFiles): TlsReading {
  const missing = missingFiles(files)
  if (missing.length > 0) return { faults: missing }
  const texts: Record<string, string> = {}
  const faults: TlsFault[] = []
  for (const [name, file] of wantedFiles(files)) {
    try {
      texts[name] = readFileSync(file.path, 'utf8')
    } catch (error) {
      faults.push(unreadable(file, error))
    }
  }
  return faults.length > 0 ? { faults } : checkTlsTexts(files, texts as unknown as TlsTexts)
}

/** What stands in the files now; throws the error of the file that cannot be read. */
export async function readTlsTexts(files: DoorTlsFiles): Promise<TlsTexts> {
  const entries = wantedFiles(files).map(async ([name, { path }]) => [name, await readFile(path, 'utf8')])
  return Object.fromEntries(await Promise.all(entries)) as TlsTexts
}

function wantedFiles({ cert, key, ca, verifyClient }: DoorTlsFiles): [keyof TlsTexts, TlsFile][] {
  return [['cert', cert], ['key', key], ...(verifyClient ? [['ca', ca] as [keyof TlsTexts, TlsFile]] : [])]
}

function missingFiles(files: DoorTlsFiles): TlsFault[] {
  return wantedFiles(files)
    .filter(([, { path }]) => path === '')
    .map(([name, { setting }]) => ({
      setting,
      wrong:
        name === 'ca'
          ? 'ssl_verify_client_cert is set, and no file is named'
          : 'ssl is on, and no file is named',
      right: name === 'ca' ? 'the authority that signs the certificates of callers' : '"/path/to/file.pem"',
    }))
}

function unreadable({ setting, path }: TlsFile, error: unknown): TlsFault {
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  return { setting, wrong: `cannot read ${path} (${code})`, right: 'a file that Homing may read' }
}

/** Everything that can be wrong before the first caller notices. Pure. */
export function checkTlsTexts(files: DoorTlsFiles, texts: TlsTexts): TlsReading {
  const chain = readCertificates(files.cert, texts.cert)
  const key = readKey(files, texts.key)
  const ca = texts.ca === undefined ? undefined : readAuthorities(files.ca, texts.ca)
  const faults = [chain, key, ca].flatMap(read => (read && 'wrong' in read ? [read] : []))
  if (faults.length > 0 || 'wrong' in chain || 'wrong' in key || (ca && 'wrong' in ca)) return { faults }
  const mismatch = whyNotPaired(files, chain.certificates, key.key)
  if (mismatch) return { faults: [mismatch] }

  const context: SecureContextOptions = {
    cert: texts.cert,
    key: texts.key,
    minVersion: files.minProtocol,
    ...(files.keyPassword !== '' && { passphrase: files.keyPassword }),
    ...(files.ciphers !== '' && { ciphers: files.ciphers }),
    ...(ca && { ca: ca.authorities, ...(ca.revocations.length > 0 && { crl: ca.revocations }) }),
  }
  const refusal = whyOpensslRefuses(files, context)
  if (refusal) return { faults: [refusal] }
  const [leaf] = chain.certificates
  return {
    context,
    certificate: {
      file: files.cert.path,
      validFromMs: Date.parse(leaf.validFrom),
      validToMs: Date.parse(leaf.validTo),
    },
  }
}

const certificateBlocks =
  /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----/g
const revocationBlocks = /-----BEGIN X509 CRL-----[\s\S]*?-----END X509 CRL-----/g

type Chain = readonly [X509Certificate, ...X509Certificate[]]

function readCertificates(file: TlsFile, text: string): { readonly certificates: Chain } | TlsFault {
  const { setting, path } = file
  try {
    const [leaf, ...others] = (text.match(certificateBlocks) ?? []).map(block => new X509Certificate(block))
    if (leaf) return { certificates: [leaf, ...others] }
    return {
      setting,
      wrong: `no certificate is in ${path}`,
      right: 'one in PEM form, -----BEGIN CERTIFICATE-----',
    }
  } catch {
    return { setting, wrong: `a certificate in ${path} is damaged`, right: 'certificates in PEM form' }
  }
}

function readAuthorities(
  file: TlsFile,
  text: string,
): { readonly authorities: string[]; readonly revocations: string[] } | TlsFault {
  const read = readCertificates(file, text)
  if ('wrong' in read) return read
  return { authorities: text.match(certificateBlocks) ?? [], revocations: text.match(revocationBlocks) ?? [] }
}

function readKey(
  { key: file, keyPassword }: DoorTlsFiles,
  text: string,
): { readonly key: KeyObject } | TlsFault {
  const { setting, path } = file
  if (!text.includes('PRIVATE KEY-----')) {
    return {
      setting,
      wrong: `no private key is in ${path}`,
      right: 'one in PEM form, -----BEGIN PRIVATE KEY-----',
    }
  }
  try {
    return { key: createPrivateKey({ key: text, ...(keyPassword !== '' && { passphrase: keyPassword }) }) }
  } catch {
    if (!/ENCRYPTED/.test(text)) return { setting, wrong: `the private key in ${path} is damaged` }
    return keyPassword === ''
      ? {
          setting,
          wrong: `the private key in ${path} is encrypted`,
          right: 'ssl_key_password_file, or a key without password',
        }
      : { setting: 'ssl_key_password', wrong: `it does not open the private key in ${path}` }
  }
}

function whyNotPaired(files: DoorTlsFiles, certificates: Chain, key: KeyObject): TlsFault | undefined {
  const [leaf, ...others] = certificates
  if (leaf.checkPrivateKey(key)) return undefined
  const { setting, path } = files.cert
  if (others.some(certificate => certificate.checkPrivateKey(key))) {
    return {
      setting,
      wrong: `the first certificate in ${path} is not our own`,
      right: 'our own first, then those above it',
    }
  }
  return {
    setting: files.key.setting,
    wrong: `the private key in ${files.key.path} does not belong to the certificate in ${path}`,
    right: 'files that were made together',
  }
}

/** A key too weak for OpenSSL's security level, ciphers that do not exist. */
function whyOpensslRefuses(files: DoorTlsFiles, context: SecureContextOptions): TlsFault | undefined {
  try {
    createSecureContext(context)
    return undefined
  } catch (error) {
    const code = (error as { code?: string }).code ?? (error as Error).message
    if (files.ciphers !== '' && /CIPHER/.test(code)) {
      return { setting: 'ssl_cipher_list', wrong: `OpenSSL knows none of these ciphers (${code})` }
    }
    return { setting: files.cert.setting, wrong: `OpenSSL does not take ${files.cert.path} (${code})` }
  }
}

// Can every door's TLS work: are the files there, do they belong together, and for how long are they good?

import { statSync } from 'node:fs'
import { doors } from '../protocols/http/doors.js'
import { type CertificateFacts, readTlsFiles, type TlsFault } from '../protocols/http/tls-files.js'
import { type DoorTlsFiles, type TlsSettings, tlsOfDoor } from '../protocols/http/tls-settings.js'
import type { Config } from './config.js'
import type { ConfigProblem } from './config-problem.js'
import { isLoopback, parseListenAddress } from './listen-address.js'

/** What a schema without TLS (a test's) has too little of to be asked. */
function hasTls(settings: object): settings is TlsSettings {
  return 'ssl' in settings
}

/** The settings of a door's TLS; absent where nothing listens on an IP address. */
function tlsDoors({
  settings,
}: Config): { readonly key: string; readonly addresses: readonly string[]; readonly tls: DoorTlsFiles }[] {
  if (!hasTls(settings)) return []
  return doors.flatMap(({ listenSetting: key }) => {
    const all = ((settings as Record<string, unknown>)[key] as readonly string[] | undefined) ?? []
    const addresses = all.filter(text => !text.startsWith('unix:'))
    return addresses.length === 0 ? [] : { key, addresses, tls: tlsOfDoor(settings, key) }
  })
}

/** Whether only those get in by IP who show a certificate of ours. */
export function asksForCertificates({ settings }: Config, listenSetting: string): boolean {
  if (!hasTls(settings)) return false
  const { isOn, verifyClient } = tlsOfDoor(settings, listenSetting)
  return isOn && verifyClient
}

/** What makes a start impossible. */
export function findTlsFaults(config: Config): ConfigProblem[] {
  const faults = tlsDoors(config).flatMap(({ tls }) => {
    if (!tls.isOn) return tls.verifyClient ? [verifyWithoutTls] : []
    const read = readTlsFiles(tls)
    return 'faults' in read ? read.faults : []
  })
  return unique(faults).map(({ setting, ...fault }) => ({
    source: sourceOf(config, setting),
    key: setting,
    ...fault,
  }))
}

const verifyWithoutTls: TlsFault = {
  setting: 'ssl_verify_client_cert',
  wrong: 'without ssl no caller can show a certificate',
  right: 'ssl = true',
}

/** What works and should not stay so. Certificates of Let's Encrypt are renewed 30 days before they expire. */
export function findTlsWarnings(config: Config, nowMs = Date.now()): ConfigProblem[] {
  const warnings = tlsDoors(config).flatMap(({ key, addresses, tls }) => {
    if (!tls.isOn) return [...inClear(config, key, addresses), ...unusedCertificate(config, tls)]
    const read = readTlsFiles(tls)
    if ('faults' in read) return []
    return [...expiry(config, tls, read.certificate, nowMs), ...readableKey(config, tls)]
  })
  return unique(warnings)
}

const SOON_DAYS = 21
const DAY_MS = 86_400_000

function expiry(
  config: Config,
  { cert }: DoorTlsFiles,
  { file, validFromMs, validToMs }: CertificateFacts,
  nowMs: number,
): ConfigProblem[] {
  const say = (wrong: string): ConfigProblem => ({
    source: sourceOf(config, cert.setting),
    key: cert.setting,
    wrong,
    right: 'a renewed one in its place: it is taken up without a restart',
  })
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  if (validFromMs > nowMs) return [say(`the certificate in ${file} is not valid before ${day(validFromMs)}`)]
  if (validToMs <= nowMs)
    return [say(`the certificate in ${file} expired on ${day(validToMs)}: callers refuse it`)]
  const days = Math.floor((validToMs - nowMs) / DAY_MS)
  if (days >= SOON_DAYS) return []
  return [say(`the certificate in ${file} expires in ${days} days, on ${day(validToMs)}`)]
}

function readableKey(config: Config, { key }: DoorTlsFiles): ConfigProblem[] {
  if ((statSync(key.path, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) {
    const wrong = `everybody on this machine can read ${key.path}, and a private key stands in it`
    return [{ source: sourceOf(config, key.setting), key: key.setting, wrong, right: `chmod o= ${key.path}` }]
  }
  return []
}

/** Passwords and the token travel in every request. */
function inClear(config: Config, key: string, addresses: readonly string[]): ConfigProblem[] {
  return addresses.flatMap(text => {
    const parsed = parseListenAddress(text)
    if (!('address' in parsed) || isLoopback(parsed.address)) return []
    const wrong = `${text} is open to other machines without TLS: passwords and the token travel in clear`
    return { source: sourceOf(config, key), key, wrong, right: 'ssl = true with ssl_cert and ssl_key' }
  })
}

function unusedCertificate(config: Config, { cert }: DoorTlsFiles): ConfigProblem[] {
  if (cert.path === '') return []
  const wrong = 'it is named, and ssl is not on: the listeners speak plain HTTP'
  return [{ source: sourceOf(config, cert.setting), key: cert.setting, wrong, right: 'ssl = true' }]
}

function sourceOf({ origins }: Config, key: string): string {
  return origins.get(key)?.source ?? 'configuration'
}

/** Doors that share a file share its faults. */
function unique<T>(found: readonly T[]): T[] {
  return [...new Map(found.map(one => [JSON.stringify(one), one])).values()]
}

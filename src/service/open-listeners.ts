// Every listener that the configuration gives an address: dict sockets, and the doors over HTTP.

import { formatListenAddress, type ListenAddress, parseListenAddress } from '../config/listen-address.js'
import type { HomingConfig } from '../config/program-schema.js'
import { ConfigError } from '../model/config-error.js'
import { openDictListeners } from '../protocols/dict/dict-server.js'
import { doors } from '../protocols/http/doors.js'
import { type CertificateReport, formatTlsFault, openDoors } from '../protocols/http/open-doors.js'
import type { CertificateFacts } from '../protocols/http/tls-files.js'
import type { RequestWatch, Services } from '../protocols/services.js'
import { watchAuth } from '../protocols/watch-auth.js'
import type { Logger } from '../telemetry/logger.js'

export interface OpenListeners {
  /** Where they answer, port 0 replaced by the real one: `127.0.0.1:8080`, `unix:/run/homing/http.sock`. */
  readonly addresses: readonly string[]
  /** The certificate that each door with TLS shows. */
  certificates(): readonly { readonly door: string; readonly certificate: CertificateFacts }[]
  /** Looks at once for renewed certificates, in the files that these settings name. */
  renewCertificates(settings: HomingConfig['settings']): Promise<void>
  /** Takes nothing new, answers what has begun, and cuts off what has not ended after `timeoutMs`. Never throws. */
  close(timeoutMs: number): Promise<void>
}

/** The dict door's name in metrics. */
const DICT = 'dict'

/** As metrics call them. */
export const listenerNames: readonly string[] = [...doors.map(({ name }) => name), DICT]

export interface OpenListenersOptions {
  readonly services: Services
  readonly settings: HomingConfig['settings']
  readonly watch: Pick<RequestWatch, 'answered'>
  readonly log: Logger
}

/** When it throws (an address in use, a certificate that was taken away) nothing is left open. */
export async function openListeners({
  services,
  settings,
  watch,
  log,
}: OpenListenersOptions): Promise<OpenListeners> {
  const dicts = await openDictListeners({
    services: { ...services, auth: watchAuth(services.auth, DICT, watch) },
    sockets: settings.dict_listen.map(text => socketPathOf(text, 'dict_listen')),
    policy: settings,
    mode: settings.unix_listener_mode,
    warn: message => log.warn(message),
  })
  const closeDicts = (timeoutMs: number) => Promise.allSettled(dicts.map(dict => dict.close(timeoutMs)))
  const http = await openDoors({
    services,
    settings,
    addressesOf: ({ listenSetting: key }) => settings[key].map(text => addressOf(text, key)),
    report: certificateReport(log),
  }).catch(async error => {
    await closeDicts(settings.shutdown_timeout)
    throw error
  })
  return {
    addresses: [
      ...http.addresses.map(formatListenAddress),
      ...dicts.map(({ path }) => formatListenAddress({ kind: 'unix', path })),
    ],
    certificates: http.certificates,
    renewCertificates: http.renewCertificates,
    close: async timeoutMs => {
      await Promise.allSettled([http.close(timeoutMs), closeDicts(timeoutMs)])
    },
  }
}

function certificateReport(log: Logger): CertificateReport {
  return {
    renewed: (door, { file, validToMs }) =>
      log.info({ door, file, expires: new Date(validToMs).toISOString() }, 'new certificate in use'),
    refused: (door, faults) =>
      log.error({ door, problems: faults.map(formatTlsFault) }, 'the certificate in use is kept'),
    handshakeFailed: (door, peer, reason) => log.warn({ door, peer, reason }, 'TLS handshake failed'),
  }
}

/** The configuration has been checked: an address that cannot be read is one that was never checked. */
function addressOf(text: string, setting: string): ListenAddress {
  const parsed = parseListenAddress(text)
  if ('wrong' in parsed) throw new ConfigError(`${setting}: ${parsed.wrong} (right: ${parsed.right})`)
  return parsed.address
}

function socketPathOf(text: string, setting: string): string {
  const address = addressOf(text, setting)
  if (address.kind !== 'unix') throw new ConfigError(`${setting}: ${text} is no unix socket`)
  return address.path
}

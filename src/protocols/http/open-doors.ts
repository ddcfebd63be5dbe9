// Opens every door that has an address, each with its own TLS, and closes them together.

import { ConfigError } from '../../model/config-error.js'
import type { Services } from '../services.js'
import type { Door } from './door.js'
import { type DoorTls, openDoorTls } from './door-tls.js'
import { doors } from './doors.js'
import type { HttpSettings } from './http-settings.js'
import { type HttpAddress, type HttpListener, openHttpListener } from './listen.js'
import type { CertificateFacts, TlsFault } from './tls-files.js'
import { tlsOfDoor } from './tls-settings.js'

export interface OpenDoors {
  /** Where they answer; port 0 has become the real one. */
  readonly addresses: readonly HttpAddress[]
  /** The certificate that each door with TLS shows. */
  certificates(): readonly { readonly door: string; readonly certificate: CertificateFacts }[]
  /** Looks at once for renewed certificates, in the files that these settings name. */
  renewCertificates(settings: HttpSettings): Promise<void>
  /** Answers what has begun, and cuts off what has not ended after `timeoutMs`. Never throws. */
  close(timeoutMs: number): Promise<void>
}

/** Told of certificates while the doors are open. */
export interface CertificateReport {
  renewed(door: string, certificate: CertificateFacts): void
  /** The files do not work as they are; what they held before is still shown. */
  refused(door: string, faults: readonly TlsFault[]): void
  /** A caller could not be agreed with, or showed a certificate that is not ours. */
  handshakeFailed(door: string, remoteIp: string, reason: string): void
}

export interface OpenDoorsOptions {
  readonly services: Services
  readonly settings: HttpSettings
  readonly addressesOf: (door: Door) => readonly HttpAddress[]
  readonly report: CertificateReport
}

/** When it throws (an address in use, a certificate that was taken away) nothing is left open. */
export async function openDoors({
  services,
  settings,
  addressesOf,
  report,
}: OpenDoorsOptions): Promise<OpenDoors> {
  const listeners: HttpListener[] = []
  const certificates = new Map<Door, DoorTls>()
  const close = async (timeoutMs: number) => {
    for (const tls of certificates.values()) tls.close()
    await Promise.allSettled(listeners.map(listener => listener.close(timeoutMs)))
  }
  try {
    for (const door of doors) {
      const addresses = addressesOf(door)
      const tls = addresses.some(({ kind }) => kind === 'tcp') ? openTls(door, settings, report) : undefined
      if (tls) certificates.set(door, tls)
      for (const address of addresses) {
        listeners.push(await openHttpListener(services, settings, address, door, tls))
      }
    }
  } catch (error) {
    await close(0)
    throw error
  }
  return {
    addresses: listeners.map(({ address }) => address),
    certificates: () =>
      [...certificates].map(([{ name }, tls]) => ({ door: name, certificate: tls.certificate() })),
    renewCertificates: async next => {
      const all = [...certificates].map(([door, tls]) => tls.renew(tlsOfDoor(next, door.listenSetting)))
      await Promise.all(all)
    },
    close,
  }
}

function openTls(door: Door, settings: HttpSettings, report: CertificateReport): DoorTls | undefined {
  const files = tlsOfDoor(settings, door.listenSetting)
  if (!files.isOn) return undefined
  const tls = openDoorTls(files, {
    renewed: certificate => report.renewed(door.name, certificate),
    refused: faults => report.refused(door.name, faults),
    handshakeFailed: (remoteIp, reason) => report.handshakeFailed(door.name, remoteIp, reason),
  })
  // The configuration has been checked: the files have changed since.
  if ('faults' in tls) throw new ConfigError(tls.faults.map(formatTlsFault).join('; '))
  return tls
}

/** `ssl_key: the private key in … does not belong …` */
export function formatTlsFault({ setting, wrong, right }: TlsFault): string {
  return right === undefined ? `${setting}: ${wrong}` : `${setting}: ${wrong} (right: ${right})`
}

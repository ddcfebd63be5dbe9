// The certificate of one door for as long as it listens: renewed files are taken up, bad ones are not.

import type { Server } from 'node:https'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import {
  type CertificateFacts,
  checkTlsTexts,
  readTlsFiles,
  readTlsTexts,
  type TlsFault,
} from './tls-files.js'
import type { DoorTlsFiles } from './tls-settings.js'

export interface DoorTls {
  /** For https.createServer. */
  readonly serverOptions: SecureContextOptions & {
    readonly requestCert: boolean
    readonly rejectUnauthorized: boolean
  }
  /** The certificate that new connections are shown. */
  certificate(): CertificateFacts
  /** From now on new connections to this server are shown what the files hold; kept ones go on as they are. */
  serve(server: Server): void
  /** Looks at once whether the files have changed; `files` may name others. */
  renew(files?: DoorTlsFiles): Promise<void>
  close(): void
}

export interface DoorTlsReport {
  renewed(certificate: CertificateFacts): void
  /** The files do not work as they are; what they held before is still in use. */
  refused(faults: readonly TlsFault[]): void
  /** A caller could not be agreed with, or showed a certificate that is not ours; told of one a second at most. */
  handshakeFailed(remoteIp: string, reason: string): void
}

/** Certificates are renewed weeks before they expire; whoever replaces one in a hurry sends SIGHUP. */
const LOOK_AGAIN_MS = 10_000

/** Whoever scans ports must not fill the log. */
const HANDSHAKE_SILENCE_MS = 1000

/** Reads the files of the door, or says what is wrong with them. Looks again until it is closed. */
export function openDoorTls(
  files: DoorTlsFiles,
  report: DoorTlsReport,
  lookAgainMs = LOOK_AGAIN_MS,
): DoorTls | { readonly faults: readonly TlsFault[] } {
  const first = readTlsFiles(files)
  if ('faults' in first) return first
  let named = files
  let inUse = first
  const servers = new Set<Server>()

  async function look(isAsked: boolean): Promise<void> {
    const read = await readTlsTexts(named).then(
      texts => checkTlsTexts(named, texts),
      (error: NodeJS.ErrnoException) => ({
        faults: [{ setting: named.cert.setting, wrong: `cannot read ${error.path} (${error.code})` }],
      }),
    )
    if ('faults' in read) return doubts.hear(read.faults, isAsked)
    doubts.hear([], isAsked)
    if (JSON.stringify(read.context) === JSON.stringify(inUse.context)) return
    inUse = read
    for (const server of servers) server.setSecureContext(read.context)
    report.renewed(read.certificate)
  }
  const doubts = createDoubts(report.refused)

  let toldAt = Number.NEGATIVE_INFINITY
  const tellOfHandshake = (error: Error & { code?: string }, socket: TLSSocket) => {
    if (performance.now() - toldAt < HANDSHAKE_SILENCE_MS) return
    toldAt = performance.now()
    // The type says Error, and it is the code of OpenSSL's verification.
    const refusal = socket.authorizationError as unknown as string | null
    report.handshakeFailed(socket.remoteAddress ?? '', refusal || error.code || error.message)
  }

  let looking = Promise.resolve()
  const lookNext = (isAsked: boolean) => {
    looking = looking.then(() => look(isAsked))
    return looking
  }
  const timer = setInterval(() => void lookNext(false), lookAgainMs)
  timer.unref()
  return {
    serverOptions: {
      ...inUse.context,
      requestCert: files.verifyClient,
      rejectUnauthorized: files.verifyClient,
    },
    certificate: () => inUse.certificate,
    serve: server => {
      servers.add(server)
      server.on('tlsClientError', tellOfHandshake)
      if (inUse !== first) server.setSecureContext(inUse.context)
      server.once('close', () => servers.delete(server))
    },
    renew: (others = named) => {
      named = others
      return lookNext(true)
    },
    close: () => clearInterval(timer),
  }
}

/**
 * Whoever writes two files one after the other has them disagree for a moment: that is said when it is still so at the
 * second look, and then once.
 */
function createDoubts(say: (faults: readonly TlsFault[]) => void) {
  let before = ''
  let said = ''
  return {
    hear(faults: readonly TlsFault[], isAsked: boolean): void {
      const now = faults.length === 0 ? '' : JSON.stringify(faults)
      if (now === '') said = ''
      else if (isAsked || (now === before && now !== said)) {
        said = now
        say(faults)
      }
      before = now
    },
  }
}

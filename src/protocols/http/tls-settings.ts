// TLS of the listeners, in Dovecot's words: one certificate for all doors, and another one for a door that wants it.

import type { Static } from 'typebox'
import { choice, secret, settings, text, yesNo } from '../../model/setting.js'

const PEM_FILE = { example: '"/etc/ssl/homing.pem"', reloads: true }

/** What holds for every door that says nothing else. */
export const tlsSettings = settings({
  ssl: yesNo(
    'whether listeners on IP addresses speak TLS and nothing else (https://…); unix sockets never do',
    false,
  ),
  ssl_cert: text('file with the certificate and its chain, PEM; read again when it changes', '', {
    aliases: ['ssl_server_cert_file'],
    ...PEM_FILE,
  }),
  ssl_key: text('file with the private key, PEM; it may be the same file', '', {
    aliases: ['ssl_server_key_file'],
    ...PEM_FILE,
  }),
  ssl_key_password: secret('what the private key is encrypted with', {
    aliases: ['ssl_server_key_password'],
    reloads: true,
  }),
  ssl_ca: text(
    'file with the authorities that sign the certificates of callers, and their revocation lists if there are any',
    '',
    { aliases: ['ssl_server_ca_file'], ...PEM_FILE },
  ),
  ssl_verify_client_cert: yesNo(
    'whether callers must show a certificate of ssl_ca; everybody who has one may ask, so let the authority be your own',
    false,
    { aliases: ['ssl_server_request_client_cert'] },
  ),
  ssl_min_protocol: choice('the oldest TLS that is spoken', ['TLSv1.2', 'TLSv1.3'], 'TLSv1.2', {
    reloads: true,
    hints: { TLSv1: '"TLSv1.2"', 'TLSv1.1': '"TLSv1.2"', SSLv3: '"TLSv1.2"', ANY: '"TLSv1.2"' },
  }),
  ssl_cipher_list: text("ciphers in OpenSSL's grammar; empty: those of Node", '', { reloads: true }),
})

export type TlsSettings = Static<typeof tlsSettings>

type DoorTlsSettings<P extends string> =
  ReturnType<typeof ofDoor> extends infer T
    ? { [K in keyof T as K extends string ? `${P}${K}` : never]: T[K] }
    : never

/** The same for one door, `policy_` say: whatever is not said there is as for all doors. */
export function doorTlsSettings<const P extends string>(prefix: P): DoorTlsSettings<P> {
  const own = Object.entries(ofDoor()).map(([key, setting]) => [prefix + key, setting])
  return Object.fromEntries(own) as DoorTlsSettings<P>
}

const INHERIT = 'inherit'

function ofDoor() {
  return {
    ssl: choice('`ssl` for this door alone', [INHERIT, 'yes', 'no'], INHERIT),
    ssl_cert: text('`ssl_cert` for this door alone; empty: the same', '', PEM_FILE),
    ssl_key: text('`ssl_key` for this door alone; empty: the same', '', PEM_FILE),
    ssl_ca: text('`ssl_ca` for this door alone; empty: the same', '', PEM_FILE),
    ssl_verify_client_cert: choice(
      '`ssl_verify_client_cert` for this door alone',
      [INHERIT, 'yes', 'no'],
      INHERIT,
    ),
  }
}

/** What one door has: TLS or none, and from which files. */
export interface DoorTlsFiles {
  readonly isOn: boolean
  readonly cert: TlsFile
  readonly key: TlsFile
  readonly ca: TlsFile
  readonly keyPassword: string
  readonly verifyClient: boolean
  readonly minProtocol: TlsSettings['ssl_min_protocol']
  readonly ciphers: string
}

/** A file and the setting that names it; an empty path: none is named. */
export interface TlsFile {
  readonly setting: string
  readonly path: string
}

/** What holds for the door with this setting of addresses: `listen`, `policy_listen`. */
export function tlsOfDoor(settings: TlsSettings, listenSetting: string): DoorTlsFiles {
  const prefix = listenSetting.replace(/listen$/, '')
  const all = settings as unknown as Readonly<Record<string, unknown>>
  const file = (key: string): TlsFile => {
    const own = prefix === '' ? undefined : all[prefix + key]
    const setting = own === undefined || own === '' ? key : prefix + key
    return { setting, path: withoutMark(String(all[setting] ?? '')) }
  }
  const isYes = (key: string): boolean => {
    const own = prefix === '' ? undefined : all[prefix + key]
    return own === undefined || own === INHERIT ? all[key] === true : own === 'yes'
  }
  return {
    isOn: isYes('ssl'),
    cert: file('ssl_cert'),
    key: file('ssl_key'),
    ca: file('ssl_ca'),
    keyPassword: settings.ssl_key_password,
    verifyClient: isYes('ssl_verify_client_cert'),
    minProtocol: settings.ssl_min_protocol,
    ciphers: settings.ssl_cipher_list,
  }
}

/** Dovecot 2.3 writes `ssl_cert = </path`. */
function withoutMark(path: string): string {
  return path.replace(/^<\s*/, '')
}

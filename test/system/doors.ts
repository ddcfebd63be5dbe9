// The doors through which each Dovecot can ask: one `door-….conf` in deploy/ each.

import { existsSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** `checkpassword-exec` is the file of checkpassword with the answer going through Dovecot's checkpassword-reply. */
export type Door = 'lua' | 'oauth2' | 'dict' | 'dict-verify' | 'checkpassword' | 'checkpassword-exec'

export const doorsOf: Readonly<Record<'2.3' | '2.4', readonly Door[]>> = {
  '2.3': ['lua', 'oauth2', 'dict', 'dict-verify', 'checkpassword', 'checkpassword-exec'],
  '2.4': ['lua', 'oauth2'],
}

export interface AskedService {
  readonly url: string
  readonly token?: string
  /** Where its unix sockets are: `dict.sock`, `http.sock`. */
  readonly socketFolder?: string
  /** Dovecot's own HTTP client asks, also where LuaSocket is installed. */
  readonly withoutLuaSocket?: boolean
}

/** The same file with this door included instead of the one that is. */
export function withDoor(configuration: string, door: Door): string {
  const { of, from, to } = variants[door] ?? { of: door, from: '', to: '' }
  return configuration.replace(/^!include door-\S+$/m, `!include door-${of}.conf`).replace(from, to)
}

/** What else stands in the files of a door. */
const variants: Readonly<Partial<Record<Door, { of: Door; from: RegExp; to: string }>>> = {
  'checkpassword-exec': {
    of: 'checkpassword',
    from: /^( {2}args = \S+\/checkpassword)$/gm,
    to: '$1 --exec',
  },
}

/** A file of deploy/dovecot-2.3 with address and token of Homing in it, if it is one of those that hold them. */
export function withSiteValues(name: string, text: string, service: AskedService): string {
  const lines = siteLines[name]?.(service)
  if (lines === undefined) return text
  const rewritten = text.split('\n').map(line => {
    const begins = Object.keys(lines).find(start => line.startsWith(start))
    return begins === undefined ? line : begins + lines[begins]
  })
  return rewritten.join('\n')
}

type SiteLines = (service: AskedService) => Readonly<Record<string, string>>

/** File → how a line begins → what follows on it. */
const siteLines: Readonly<Record<string, SiteLines>> = {
  'auth.lua': ({ url, token = '', withoutLuaSocket }) => ({
    "local url = '": `${url}'`,
    "local token = '": `${token}'`,
    ...(withoutLuaSocket && { "local luasocket = '": "no'" }),
  }),
  'oauth2.conf.ext': ({ url, token }) => ({
    'grant_url = ': `${url}/oauth2/token`,
    'client_secret = ': token || 'none',
  }),
}

/** The same for 2.4, which has them in site.conf. */
export function siteValues({ url, token, withoutLuaSocket }: AskedService): string {
  return [
    `lua_settings {\n  url = ${url}\n  token = ${token ?? ''}`,
    ...(withoutLuaSocket ? ['  luasocket = no'] : []),
    '}',
    'oauth2 {\n  introspection_mode = post\n  client_id = dovecot',
    `  grant_url = ${url}/oauth2/token\n  introspection_url = ${url}/oauth2/introspect`,
    `  client_secret = ${token || 'none'}\n}\n`,
  ].join('\n')
}

/** A program must be one, and what it reads its token from is a file of its own. */
export async function finishCheckpassword(etc: string, { token }: AskedService): Promise<void> {
  await chmod(join(etc, 'checkpassword'), 0o755)
  if (token !== undefined) await writeFile(join(etc, 'homing.token'), `${token}\n`)
}

/** The files that may hold a token, and that Dovecot's auth process reads by itself. */
export function filesWithSecrets(etc: string): string[] {
  return [...Object.keys(siteLines), 'homing.token'].map(name => join(etc, name)).filter(existsSync)
}

// Dovecot's own auth caches: told to forget whom Homing has changed, and who confirmed it.

import { readFileSync } from 'node:fs'
import { ConfigError } from '../model/config-error.js'
import { flushOverHttp } from './doveadm-http.js'
import { flushOverDoveadm } from './doveadm-protocol.js'
import { type DoveadmPlace, parseDoveadmUrl } from './doveadm-url.js'
import type { DovecotSettings } from './dovecot-settings.js'

/** `entries`: how many its auth cache had. */
export type DovecotFlushed =
  | { readonly name: string; readonly confirmed: true; readonly entries: number }
  | { readonly name: string; readonly confirmed: false; readonly reason: string }

export interface DovecotCaches {
  readonly names: readonly string[]
  /**
   * All of them at once, each exchange within the deadline; never rejects. Users by name, or masks with `*` and `?`; none:
   * everybody. Before 2.4.3 Dovecot knows no masks: then everybody is forgotten.
   */
  flush(masks: readonly string[]): Promise<readonly DovecotFlushed[]>
}

/** Throws ConfigError for what the configuration check refuses. */
export function openDovecotCaches(settings: DovecotSettings): DovecotCaches {
  const ca = settings.doveadm_tls_ca_file === '' ? undefined : readCa(settings.doveadm_tls_ca_file)
  const places = settings.doveadm_urls.map(url => {
    const parsed = parseDoveadmUrl(url)
    if ('wrong' in parsed) throw new ConfigError(`doveadm_urls: ${parsed.wrong}`)
    return parsed
  })
  const flushOne = async (place: DoveadmPlace, users: readonly string[]): Promise<DovecotFlushed> => {
    const { name, protocol } = place
    let signal: AbortSignal | undefined
    const deadline = () => {
      signal = AbortSignal.timeout(settings.doveadm_timeout)
      return signal
    }
    try {
      const entries =
        protocol === 'http'
          ? await flushOverHttp({ place, secret: settings.doveadm_api_key, ca, deadline, users })
          : await flushOverDoveadm({ place, secret: settings.doveadm_password, ca, deadline, users })
      return { name, confirmed: true, entries }
    } catch (cause) {
      const late = signal?.aborted && `no answer within ${settings.doveadm_timeout} ms`
      return {
        name,
        confirmed: false,
        reason: late || (cause instanceof Error ? cause.message : String(cause)),
      }
    }
  }
  return {
    names: places.map(({ name }) => name),
    flush: masks => {
      const users = masks.some(mask => /[*?]/.test(mask)) ? [] : masks
      return Promise.all(places.map(place => flushOne(place, users)))
    },
  }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(`doveadm_tls_ca_file: cannot read ${file}: ${(cause as Error).message}`)
  }
}

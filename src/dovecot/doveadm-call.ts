import type { DoveadmPlace } from './doveadm-url.js'

/** How one Dovecot is asked, over either protocol. */
export interface DoveadmCall {
  readonly place: DoveadmPlace
  readonly secret: string
  readonly ca: string | undefined
  /** The deadline of one exchange, from now on: many names take several. */
  deadline(): AbortSignal
  /** Users by name; none: everybody. */
  readonly users: readonly string[]
}

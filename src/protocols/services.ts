// What a protocol may ask for. The composition root fills it in.

import type { Auth } from '../auth/auth.js'
import type { CacheControl } from '../cache/cache-control.js'

/** `degraded`: we answer, but a database does not. `stopping`: finish what is under way, send nothing new. */
export type Readiness = 'ready' | 'degraded' | 'stopping'

export interface Services {
  readonly auth: Auth
  /** The auth caches of all copies, and those of Dovecot itself. */
  readonly caches: CacheControl
  /** Answers within a second, whatever the databases do. */
  readiness(): Promise<Readiness>
  /** The metrics in Prometheus' text format, and its content type. */
  metrics(): Promise<{ contentType: string; text: string }>
  /** An exception that should never have happened: into the log and the counters. `where` names the door. */
  reportBug(where: string, error: unknown): void
}

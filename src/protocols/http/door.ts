// A door: one kind of HTTP listener, with its own addresses, its own secret and its own routes.

import type { FastifyInstance } from 'fastify'
import type { Services } from '../services.js'
import type { ListenerTrust } from './caller.js'
import type { DirectAnswers } from './direct/direct-way.js'
import type { HttpSettings } from './http-settings.js'

export interface DoorContext {
  readonly services: Services
  readonly settings: HttpSettings
  /** What kind of address this listener has. */
  readonly trust: ListenerTrust
  /** Who answers what is asked most without Fastify and node:http, by path; absent where that is not possible (TLS). */
  readonly direct?: DirectAnswers | undefined
}

export interface Door {
  readonly name: string
  /** The setting with its addresses. */
  readonly listenSetting: keyof HttpSettings & `${string}listen`
  /** One of these must be set before an address may be open to other machines. */
  readonly secretSettings: readonly (keyof HttpSettings)[]
  /** … and before anybody on this machine may connect over TCP. */
  readonly needsSecretOnLoopback?: boolean
  /** Mounts the routes and the check of the callers; health and metrics are on every listener. */
  mount(app: FastifyInstance, context: DoorContext): void
}

// The tables that Homing keeps, as Kysely sees them. migrations/ makes them.

import type { Generated } from 'kysely'

export type SslMode = 'none' | 'starttls' | 'ssl'

export interface ProxyUserRow {
  username: string
  host: string
  /** NULL: the protocol's own default. */
  port: number | null
  ssl_mode: Generated<SslMode>
  /** The name at the backend; NULL: the same. */
  destuser: string | null
  /** 0: disabled, not absent. */
  active: Generated<number>
  created: Generated<string>
  /** NULL: the backend decides. */
  password: string | null
  /** What the proxy logs in with at the backend instead of the user's own password. */
  pass: string | null
  master: string | null
  any_cert: number | null
  pop3_port: number | null
  lmtp_port: number | null
  submission_port: number | null
  sieve_port: number | null
}

export interface LocalUserRow {
  username: string
  password: string | null
  home: string | null
  /** A number or a name that the mail server knows. */
  uid: string | number | null
  gid: string | number | null
  active: Generated<number>
  created: Generated<string>
}

export interface MasterUserRow {
  user_name: string
  domain_name: string
  password: string | null
  masteradmin: Generated<number>
  /** Limits; NULL: none. Lists are split at spaces and commas. */
  domains: string | null
  protocols: string | null
  allow_nets: string | null
  allow_real_nets: string | null
  /** A date, or a time in UTC. */
  expires: string | null
}

export interface MigrationRow {
  id: string
  applied: Generated<string>
}

export interface Schema {
  proxy_users: ProxyUserRow
  local_users: LocalUserRow
  master_users: MasterUserRow
  homing_migrations: MigrationRow
}

// A Homing with the accounts that a test names. (Stands in for the program until it is there.)

import type { ServerResponse } from 'node:http'
import { type Question, startScriptedService } from './scripted-service.js'

/** A row of proxy_users; what is not said is NULL. */
export interface ProxyUser {
  readonly username: string
  /** Clear; absent: the backend decides. */
  readonly password?: string
  readonly host: string
  readonly port?: number
  readonly pop3_port?: number
  readonly lmtp_port?: number
  readonly ssl_mode: 'none' | 'starttls' | 'ssl'
  readonly destuser?: string
  readonly active?: 0 | 1
}

/** A row of local_users. */
export interface LocalUser {
  readonly username: string
  readonly password: string
  readonly home: string
  readonly uid: number
  readonly gid: number
  readonly active?: 0 | 1
}

export interface HomingOptions {
  readonly proxyUsers?: readonly ProxyUser[]
  readonly localUsers?: readonly LocalUser[]
}

export interface RunningHoming {
  readonly url: string
  /** As kill -9. */
  stop(): Promise<void>
  /** Again, on the same port. */
  start(): Promise<void>
}

export async function startHoming({
  proxyUsers = [],
  localUsers = [],
}: HomingOptions): Promise<RunningHoming> {
  const service = await startScriptedService((question, response) => {
    if (question.path.startsWith('/v1/userdb/users')) {
      response.end(`${localUsers.map(({ username }) => `${username}\n`).join('')}\n`)
      return
    }
    respond(response, String(question.json?.user), decide(question))
  })
  return service

  function decide({ path, json }: Question): string[] {
    const local = localUsers.find(({ username }) => username === json?.user)
    if (path === '/v1/userdb/lookup') {
      return local ? ['ok', `uid=${local.uid}`, `gid=${local.gid}`, `home=${local.home}`] : ['user_unknown']
    }
    const proxied = proxyUsers.find(({ username }) => username === json?.user)
    const account = proxied ?? local
    if (!account) return ['user_unknown']
    if (account.active === 0) return ['user_disabled']
    const verifies = path === '/v1/passdb/verify' && account.password !== undefined
    if (verifies && account.password !== json?.password) return ['password_mismatch']
    return ['ok', ...(proxied ? routeFields(proxied, String(json?.protocol)) : [])]
  }
}

function routeFields(row: ProxyUser, protocol: string): string[] {
  const port = { imap: row.port, pop3: row.pop3_port, lmtp: row.lmtp_port }[protocol]
  return [
    'proxy=y',
    `host=${row.host}`,
    ...(port ? [`port=${port}`] : []),
    ...(row.ssl_mode === 'none' ? [] : [`${row.ssl_mode}=yes`]),
    ...(row.destuser ? [`destuser=${row.destuser}`] : []),
  ]
}

function respond(response: ServerResponse, user: string, [result, ...fields]: string[]): void {
  response.end(`${[`result=${result}`, `user=${user}`, ...fields].join('\t')}\n`)
}

// Whether whoever asks for a grant is our Dovecot: client id and secret, in the form or as Basic (RFC 6749, 2.3.1).

import { Buffer } from 'node:buffer'
import type { Form } from './form-body.js'
import { isAmong, type SecretBlock, secretBlock, secretsIn } from './secret-block.js'

export interface Oauth2ClientSettings {
  readonly oauth2_client_id: string
  /** Empty: the api_token is the secret. */
  readonly oauth2_client_secret: string
  readonly api_token: string
}

export interface Oauth2ClientCheck {
  mayAsk(form: Form, authorization: string | undefined): boolean
}

/**
 * Without a secret and without an api_token everybody may ask: the configuration allows that on loopback, on unix sockets
 * and behind client certificates only. Every secret is compared in constant time. The settings are read at every
 * question, since SIGHUP may have changed them.
 */
export function createOauth2ClientCheck(settings: Oauth2ClientSettings): Oauth2ClientCheck {
  const secrets = createSecrets(settings)
  return {
    mayAsk: (form, authorization) => {
      const wanted = secrets()
      if (wanted === undefined) return true
      const isRight = ({ id, secret }: Credentials) => isAmong(together(id, secret), wanted)
      if (isRight(formCredentials(form))) return true
      const basic = basicCredentials(authorization)
      return basic !== undefined && isRight(basic)
    },
  }
}

/** One secret a line, as the api_token has it; worked out anew when they change. undefined: none is asked for. */
function createSecrets(settings: Oauth2ClientSettings): () => readonly SecretBlock[] | undefined {
  let id = ''
  let text = ''
  let secrets: readonly SecretBlock[] | undefined
  return () => {
    const now = settings.oauth2_client_secret || settings.api_token
    if (now === text && settings.oauth2_client_id === id) return secrets
    text = now
    id = settings.oauth2_client_id
    secrets =
      text === '' ? undefined : secretsIn(text).map(secret => secretBlock(together(asBytes(id), secret)))
    return secrets
  }
}

/** One character a byte, as a form has them. */
interface Credentials {
  readonly id: string
  readonly secret: string
}

function formCredentials(form: Form): Credentials {
  return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' }
}

/** What Dovecot sends for `http://id:secret@host/` in a URL (RFC 7617). */
function basicCredentials(authorization: string | undefined): Credentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('latin1')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { id: text.slice(0, colon), secret: text.slice(colon + 1) }
}

function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The id cannot lend the secret a character. */
function together(id: string, secret: string): string {
  return `${id.length}:${id}${secret}`
}

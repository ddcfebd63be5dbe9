// Reads one of doveadm_urls. Pure.

export interface DoveadmPlace {
  /** As it was written. */
  readonly name: string
  readonly protocol: 'http' | 'doveadm'
  readonly tls: boolean
  readonly host: string
  readonly port: number
}

const protocols: Readonly<Record<string, Pick<DoveadmPlace, 'protocol' | 'tls' | 'port'>>> = {
  'http:': { protocol: 'http', tls: false, port: 8080 },
  'https:': { protocol: 'http', tls: true, port: 8443 },
  'doveadm:': { protocol: 'doveadm', tls: false, port: 24245 },
  'doveadms:': { protocol: 'doveadm', tls: true, port: 24245 },
}

/** Without a port: the one that Dovecot's documentation uses. */
export function parseDoveadmUrl(text: string): DoveadmPlace | { readonly wrong: string } {
  // A URL of http: or https: loses the port that is that protocol's own.
  const port = /^[a-z]+:\/\/[^/]*:(\d+)\/?(?:doveadm\/v1\/?)?$/.exec(text)?.[1]
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return { wrong: `"${text}" is no URL` }
  }
  const known = Object.hasOwn(protocols, url.protocol) ? protocols[url.protocol] : undefined
  if (!known) return { wrong: `"${text}" is none of http://, https://, doveadm://, doveadms://` }
  if (url.username !== '' || url.password !== '') {
    return { wrong: 'a secret in it; it belongs into doveadm_api_key or doveadm_password' }
  }
  if (url.hostname === '') return { wrong: `"${text}" names no host` }
  if (!/^\/?(doveadm\/v1\/?)?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
    return { wrong: `"${text}" has more in it than host and port` }
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { ...known, name: text, host, port: port === undefined ? known.port : Number(port) }
}

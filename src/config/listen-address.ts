// Where a listener waits: unix:/run/homing/http.sock · 127.0.0.1:8080 · [::1]:8080

import { isIP } from 'node:net'

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

export type ParsedListenAddress =
  | { readonly address: ListenAddress }
  | { readonly wrong: string; readonly right: string }

const right = '"127.0.0.1:8080", "[::1]:8080" or "unix:/run/homing/http.sock"'

// Linux's sun_path has 108 bytes with the closing NUL; a longer path would be cut or refused by bind(2).
const LONGEST_SOCKET_PATH_BYTES = 107

/** Reads one address. Host names are refused, because what they resolve to decides who may reach us. */
export function parseListenAddress(text: string): ParsedListenAddress {
  return text.startsWith('unix:') ? parseUnix(text.slice('unix:'.length), text) : parseTcp(text)
}

function parseUnix(path: string, text: string): ParsedListenAddress {
  if (path === '') return { wrong: `"${text}" has no path`, right }
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH_BYTES) {
    return {
      wrong: `the socket path "${path}" is too long`,
      right: `at most ${LONGEST_SOCKET_PATH_BYTES} bytes`,
    }
  }
  return { address: { kind: 'unix', path } }
}

function parseTcp(text: string): ParsedListenAddress {
  const { v6, v4, port } = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]*)):(?<port>[0-9]+)$/.exec(text)?.groups ?? {}
  if (port === undefined) return { wrong: `"${text}" is not an address with a port`, right }
  if (Number(port) > 65535) return { wrong: `there is no port ${port}`, right: '0 to 65535' }

  const host = v6 ?? (v4 === 'localhost' ? '127.0.0.1' : v4 === '*' ? '0.0.0.0' : v4) ?? ''
  if (isIP(host) !== (v6 === undefined ? 4 : 6)) return { wrong: `"${host}" is not an IP address`, right }
  return { address: { kind: 'tcp', host, port: Number(port) } }
}

/** The address as it is written in the configuration. */
export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host
  return `${host}:${address.port}`
}

/** Whether only this machine can reach the address: a unix socket, 127.0.0.0/8 or ::1. */
export function isLoopback(address: ListenAddress): boolean {
  return address.kind === 'unix' || /^127\.|^::1$|^::ffff:127\./.test(address.host)
}

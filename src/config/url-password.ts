// Keeps passwords in URLs away from everything that is printed.

const userInfo = /^([a-z][a-z0-9+.-]*:\/\/[^:@/]*):.*@/is
const parameter = /([?&](?:password|passwd|pass|secret|token)=)[^&#]*/gi

/**
 * The URL without its passwords. Where a password may hold `@` or `/` unescaped, too much is cut and never too
 * little.
 */
export function withoutPassword(url: string, replacement = ''): string {
  const inUserInfo = replacement === '' ? '$1@' : `$1:${replacement}@`
  return url.replace(userInfo, inUserInfo).replace(parameter, `$1${replacement}`)
}

/** Whether the URL holds a password. */
export function holdsPassword(url: string): boolean {
  return withoutPassword(url) !== url
}

/** The login name of the bench's proxied user of this number. */
export function nameOfProxied(index: number): string {
  return `p${String(index).padStart(7, '0')}@proxy.test`
}

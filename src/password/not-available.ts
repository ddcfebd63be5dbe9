/** This platform cannot compute the hash: it has no build of what would. The verdict is scheme_not_available. */
export class NotAvailable extends Error {
  override readonly name = 'NotAvailable'
}

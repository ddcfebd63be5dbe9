// A table of accounts as the `sql` drivers see it, whatever its columns are called and whichever database holds it.

import type { PasswordReplacement } from '../model/passdb.js'

/** Which column is what: role → column name. `user` is always there; `domain` when the name stands in two columns. */
export type AccountColumns = Readonly<Record<string, string>> & { readonly user: string }

/** One account: its stored login name (`local@domain` when stored in two columns) and role → value, NULL as null. */
export interface AccountRow {
  readonly user: string
  readonly values: Readonly<Record<string, string | number | null>>
}

/** `error` is a DatabaseError: the database did not answer, or answered nonsense. Never read as `none`. */
export type AccountLookup =
  | { readonly found: 'one'; readonly row: AccountRow }
  | { readonly found: 'none' }
  | { readonly found: 'several' }
  | { readonly found: 'error'; readonly cause: Error }

export interface AccountTableOptions {
  readonly table: string
  readonly columns: AccountColumns
  /**
   * The auth_username_* rules applied to a stored name. A row is the wanted user's when this gives exactly the
   * wanted name: whatever the collation found, this decides.
   */
  readonly normalise: (storedName: string) => string
}

export interface StoredPasswordRow {
  /** The stored name in normalised form. */
  readonly user: string
  /** NULL and an empty one are ''. */
  readonly stored: string
}

export interface AccountTable {
  /**
   * Finds the account of a normalised login name; at once in an embedded database. Lookups that wait at the same moment
   * share one query. Never rejects.
   */
  find(user: string, signal?: AbortSignal): AccountLookup | Promise<AccountLookup>
  /** Stored names in normalised form that match the mask, each once, in pages. Throws when it breaks off. */
  list(mask: string): AsyncIterable<string>
  /** How many rows there are. Rejects with a DatabaseError. */
  count(): Promise<number>
  /** Every row's password, in pages. Throws when it breaks off. The columns must have the role `password`. */
  passwords(): AsyncIterable<StoredPasswordRow>
  /**
   * Puts `replacement` in the place of the password of a normalised login name, if it still is `stored` to the byte
   * whatever the collation. A value that does not fit the column is refused, never cut. Never rejects.
   */
  replacePassword(user: string, stored: string, replacement: string): Promise<PasswordReplacement>
}

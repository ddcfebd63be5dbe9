// What a database may hand us for a column, made into what the drivers understand.

export type ColumnValue = string | number | null

/**
 * Text and numbers as they are, NULL as null. BIT(1) is a number; other binary values are read as UTF-8; 64-bit
 * integers as their digits where a number would lose some; dates in ISO form; anything else as JSON.
 */
export function columnValue(value: unknown): ColumnValue {
  if (typeof value === 'string' || typeof value === 'number') return value
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  const bytes = bytesOf(value)
  if (bytes) return bytes.length === 1 && (bytes[0] ?? 2) < 2 ? (bytes[0] ?? 0) : bytes.toString('utf8')
  return JSON.stringify(value) ?? null
}

/** A stored name as text. */
export function columnText(value: unknown): string {
  const text = columnValue(value)
  return text === null ? '' : String(text)
}

/** mysql2 gives Buffers, libsql ArrayBuffers. */
function bytesOf(value: unknown): Buffer | undefined {
  if (Buffer.isBuffer(value)) return value
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return undefined
}

// What a passdb says besides yes or no: Dovecot's extra fields, in the order they were set.

/** Field name → value. A field that is not true is absent: Dovecot reads presence as truth. */
export type ExtraFields = ReadonlyMap<string, string>

export const noFields: ExtraFields = new Map()

/** A line of `default_fields` or `override_fields`: set, set only if unset, or remove. */
export interface FieldSetting {
  readonly name: string
  readonly value: string
  readonly mode: 'set' | 'if-unset' | 'remove'
}

const suffixes: Readonly<Record<string, FieldSetting['mode']>> = {
  protected: 'if-unset', // 2.3's word
  default: 'if-unset', // 2.4's word
  remove: 'remove',
}

/**
 * Reads `name`, `name:protected` (2.3), `name:default` (2.4) or `name:remove` as a field setting.
 * A suffix that Dovecot does not know stays part of the name, and the output firewall refuses it.
 */
export function parseFieldSetting(key: string, value: string): FieldSetting {
  const colon = key.lastIndexOf(':')
  const suffix = colon < 0 ? '' : key.slice(colon + 1)
  const mode = Object.hasOwn(suffixes, suffix) ? suffixes[suffix] : undefined
  return mode ? { name: key.slice(0, colon), value, mode } : { name: key, value, mode: 'set' }
}

/** The fields after the settings have been applied, in order. The input is left as it was. */
export function applyFieldSettings(fields: ExtraFields, settings: readonly FieldSetting[]): ExtraFields {
  if (settings.length === 0) return fields
  const result = copyOf(fields)
  for (const { name, value, mode } of settings) {
    if (mode === 'remove') result.delete(name)
    else if (mode === 'set' || !result.has(name)) result.set(name, value)
  }
  return result
}

/** `over` laid upon `base`; a field that both have takes `over`'s value. */
export function mergeFields(base: ExtraFields, over: ExtraFields): ExtraFields {
  if (base.size === 0) return over
  if (over.size === 0) return base
  const merged = copyOf(base)
  for (const [name, value] of over) merged.set(name, value)
  return merged
}

/** The fields without the named ones. */
export function withoutFields(fields: ExtraFields, names: readonly string[]): ExtraFields {
  if (!names.some(name => fields.has(name))) return fields
  const rest = new Map<string, string>()
  for (const [name, value] of fields) if (!names.includes(name)) rest.set(name, value)
  return rest
}

/** The fields and one more, behind them unless they had it. */
export function withField(fields: ExtraFields, name: string, value: string): ExtraFields {
  return copyOf(fields).set(name, value)
}

/** Quicker than `new Map(fields)`, which makes an array of each pair. */
function copyOf(fields: ExtraFields): Map<string, string> {
  const copy = new Map<string, string>()
  for (const [name, value] of fields) copy.set(name, value)
  return copy
}

// A setting's value before anybody knows what kind of setting it is.

import { parse } from 'smol-toml'

/** Typed, as a TOML file has it; or bare, as an environment variable or a flag has it. */
export type RawValue =
  | { readonly form: 'toml'; readonly value: unknown }
  | { readonly form: 'bare'; readonly text: string }

/** A value and where it was written; the higher layer wins. */
export interface RawSetting {
  readonly raw: RawValue
  readonly source: string
  readonly layer: number
}

/**
 * A bare text as the text it stands for: a quoted TOML string loses its quotes, anything else is taken as it
 * is. A token of digits stays text; it never turns into a number and back.
 */
export function bareAsText(text: string): string {
  const value = parseTomlValue(text)
  return typeof value === 'string' ? value : text
}

/** A bare text as a TOML value, or as text where it is none. */
export function bareAsValue(text: string): unknown {
  return parseTomlValue(text) ?? text
}

function parseTomlValue(text: string): unknown {
  try {
    const parsed = parse(`value = ${text}`)
    // More than one key: the text held a line break and went on with assignments of its own.
    return Object.keys(parsed).length === 1 ? parsed.value : undefined
  } catch {
    return undefined
  }
}

// A user name must not choose a directory: not by `/`, not by `..`, and not by being empty where a part is wanted.

import type { Template } from './variables.js'

/**
 * What would make the expanded text, read as a path, lead somewhere else than the template means; undefined when
 * nothing would. Without a domain `/srv/%d/%n` of the user `example.org` would be the directory of a whole domain.
 */
export function findPathHarm<S>(template: Template<S>, source: S): string | undefined {
  if (template.variables.length === 0) return undefined
  for (const value of template.values(source)) {
    if (/[/\x00-\x1f\x7f]/.test(value))
      return 'would have a separator or a control character of the user in it'
  }
  const path = template.expand(source)
  if (/(?:^|[/:])\.\.?(?:$|[/:])/.test(path)) return 'would have a part that is . or ..'
  if (countEmptyParts(path) > countEmptyParts(template.source)) return 'would have an empty part'
  return undefined
}

function countEmptyParts(path: string): number {
  const parts = path.split('/')
  return parts.filter((part, index) => part === '' && index > 0).length
}

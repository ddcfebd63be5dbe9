// What is wrong with a configuration, as data: everything is found before anything is said.

/** One mistake, or something that works but should not stay so. */
export interface ConfigProblem {
  /** Where it stands: a file, an environment variable, a flag, or the defaults. */
  readonly source: string
  /** The setting, as an operator writes it: `auth_cache_ttl`, `passdb local: table`. Absent: the source itself. */
  readonly key?: string
  readonly wrong: string
  readonly right?: string
}

/** One line for people: `homing.toml: auth_cache_ttl: the time "5" has no unit (right: "5 secs" …)`. */
export function formatProblem({ source, key, wrong, right }: ConfigProblem): string {
  const where = key === undefined ? source : `${source}: ${key}`
  return right === undefined ? `${where}: ${wrong}` : `${where}: ${wrong} (right: ${right})`
}

// The places settings come from — file, environment, flags — each read as a list of assignments.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import type { ConfigProblem } from './config-problem.js'
import type { RawValue } from './raw-value.js'

/** `passdb.local.table = "…"`, wherever it was written. */
export interface Assignment {
  readonly path: readonly string[]
  readonly raw: RawValue
  readonly source: string
}

export interface SettingSource {
  readonly assignments: readonly Assignment[]
  readonly problems: readonly ConfigProblem[]
  /** Whether everybody on this machine can read what is written here. */
  readonly worldReadable?: boolean
}

/** What a TOML file says. */
export function readConfigFile(path: string): SettingSource {
  let document: Record<string, unknown>
  let worldReadable: boolean
  try {
    document = parse(readFileSync(path, 'utf8'))
    worldReadable = (statSync(path).mode & 0o004) !== 0
  } catch (error) {
    return { assignments: [], problems: [{ source: path, wrong: describe(error as Error) }] }
  }
  const assignments = Object.entries(document).map(
    ([key, value]): Assignment => ({ path: [key], raw: { form: 'toml', value }, source: path }),
  )
  return { assignments, problems: [], worldReadable }
}

/** Only the first line of a TomlError: the others quote the file, and a secret may stand there. */
function describe(error: Error): string {
  if (!(error instanceof TomlError)) return `cannot read the file: ${error.message}`
  const message = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '')
  return `line ${error.line}, column ${error.column}: not valid TOML: ${message}`
}

export const ENVIRONMENT_PREFIX = 'HOMING_'

/** Variables with our prefix that are no settings: the file's name, and what the tests read. */
const notASetting = /^HOMING_(CONFIG$|TEST_)/

// Kubernetes sets these for a Service that is called "homing"; they are nobody's mistake.
const setByKubernetes = /^HOMING_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_.+)?)?)$/

/** What the environment says: HOMING_ and the key in capitals, nested with two underscores. */
export function readEnvironment(environment: NodeJS.ProcessEnv): SettingSource {
  const assignments: Assignment[] = []
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith(ENVIRONMENT_PREFIX)) continue
    if (notASetting.test(name) || setByKubernetes.test(name)) continue
    const path = name.slice(ENVIRONMENT_PREFIX.length).toLowerCase().split('__')
    assignments.push({ path, raw: { form: 'bare', text }, source: `environment ${name}` })
  }
  return { assignments, problems: [] }
}

/** How the source of a preset's settings begins. */
export const PRESET = 'preset'

/** What a preset says, as if an operator had written it first of all. */
export function presetSource(name: string, preset: Readonly<Record<string, unknown>>): SettingSource {
  const assignments = Object.entries(preset).map(
    ([key, value]): Assignment => ({
      path: [key],
      raw: { form: 'toml', value },
      source: `${PRESET} ${name}`,
    }),
  )
  return { assignments, problems: [] }
}

/**
 * What systemd's LoadCredential= or SetCredential= left in $CREDENTIALS_DIRECTORY: a file named like a secret setting
 * (`api_token`, `passdb.local.database_url`) is its secret. Other files are for somebody else.
 */
export function readCredentials(
  { CREDENTIALS_DIRECTORY: directory }: NodeJS.ProcessEnv,
  isSecret: (path: readonly string[]) => boolean,
): SettingSource {
  if (directory === undefined || directory === '') return { assignments: [], problems: [] }
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    const wrong = `cannot read the folder: ${(error as Error).message}`
    return { assignments: [], problems: [{ source: `CREDENTIALS_DIRECTORY ${directory}`, wrong }] }
  }
  const assignments = names.flatMap((name): Assignment[] => {
    const path = name.split('.')
    if (!isSecret(path)) return []
    const file = [...path.slice(0, -1), `${path.at(-1)}_file`]
    return [{ path: file, raw: { form: 'toml', value: join(directory, name) }, source: `credential ${name}` }]
  })
  return { assignments, problems: [] }
}

/** How the source of a flag begins. */
export const FLAG = 'flag --set'

/** What `--set key=value` says: nested with dots. */
export function readFlags(flags: readonly string[]): SettingSource {
  const assignments: Assignment[] = []
  const problems: ConfigProblem[] = []
  for (const flag of flags) {
    const [, key, text] = /^([^=]+)=(.*)$/s.exec(flag) ?? []
    if (key === undefined || text === undefined) {
      problems.push({ source: FLAG, wrong: `"${flag}" has no value`, right: '--set key=value' })
    } else {
      assignments.push({
        path: key.trim().split('.'),
        raw: { form: 'bare', text },
        source: `${FLAG} ${key.trim()}`,
      })
    }
  }
  return { assignments, problems }
}

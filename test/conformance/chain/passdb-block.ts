// One description of a passdb block, for our engine and for either Dovecot.

import {
  type ChainedPassdb,
  type LinkRules,
  mechanismSet,
  type ResultRule,
  type Skip,
} from '../../../src/auth/chained-passdb.js'
import { parseFieldSetting } from '../../../src/model/extra-fields.js'
import type { Passdb } from '../../../src/model/passdb.js'

export type DovecotVersion = '2.3' | '2.4'

export interface Block {
  readonly name: string
  readonly master?: boolean
  readonly skip?: Skip
  readonly deny?: boolean
  readonly success?: ResultRule
  readonly failure?: ResultRule
  readonly internalfail?: ResultRule
  readonly usernameFilter?: string
  readonly mechanisms?: string
  /** `name=value` separated by spaces, as in 2.3. */
  readonly defaultFields?: string
  readonly overrideFields?: string
  /** What Dovecot runs. A script returns `say("name=value name=value")` beside its result. */
  readonly lua: string
}

/** The blocks as a part of dovecot.conf, and the scripts they name. */
export function dovecotConfig(
  version: DovecotVersion,
  blocks: readonly Block[],
): { config: string; files: Record<string, string> } {
  return {
    config: blocks.map(version === '2.3' ? block23 : block24).join(''),
    files: Object.fromEntries(blocks.map(({ name, lua }) => [`${name}.lua`, say[version] + lua])),
  }
}

/** Fields in their order: 2.4 takes only a table, which has none, so that all but the password travel in one field. */
const say: Readonly<Record<DovecotVersion, string>> = {
  '2.3': 'local function say(text) return text end',
  '2.4': `
local function say(text)
  return { passdb_import = text:gsub(" ", "\\t"), password = (" " .. text):match(" password=(%S*)") }
end`,
}

/** Each block has a script of its own: 2.3 lets blocks with equal `args` share one filter (CVE-2022-30550). */
function block23(block: Block): string {
  return `passdb {
  driver = lua
  args = file=FOLDER/${block.name}.lua blocking=no
${settings({ ...shared(block), mechanisms: block.mechanisms, default_fields: block.defaultFields, override_fields: block.overrideFields })}}
`
}

function block24(block: Block): string {
  return `passdb ${block.name} {
  driver = lua
  lua_file = FOLDER/${block.name}.lua
  use_worker = no
${settings({ ...shared(block), mechanisms_filter: block.mechanisms })}}
`
}

function shared(block: Block): Record<string, string | undefined> {
  return {
    master: block.master ? 'yes' : undefined,
    deny: block.deny ? 'yes' : undefined,
    skip: block.skip,
    result_success: block.success,
    result_failure: block.failure,
    result_internalfail: block.internalfail,
    username_filter: block.usernameFilter,
  }
}

function settings(values: Record<string, string | undefined>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name} = ${value}\n`)
    .join('')
}

/** The same block as a link of our chain. */
export function linkOf(block: Block): ChainedPassdb {
  return {
    name: block.name,
    passdb: silent,
    master: block.master ?? false,
    skip: block.skip ?? 'never',
    defaultPasswordScheme: 'PLAIN',
    ...rulesOf(block),
    ...(block.usernameFilter === undefined ? {} : { usernameFilter: words(block.usernameFilter) }),
    ...(block.mechanisms === undefined ? {} : { mechanisms: mechanismSet(words(block.mechanisms)) }),
  }
}

/** A passdb that nobody asks: the cases bring their answers along. */
const silent: Passdb = {
  driver: 'case',
  lookup: () => Promise.reject(new Error('not to be asked')),
}

function rulesOf(block: Block): LinkRules {
  return {
    resultSuccess: block.success ?? 'return-ok',
    resultFailure: block.failure ?? 'continue',
    resultInternalfail: block.internalfail ?? 'continue',
    deny: block.deny ?? false,
    defaultFields: fieldSettings(block.defaultFields),
    overrideFields: fieldSettings(block.overrideFields),
  }
}

function fieldSettings(text = '') {
  return words(text).map(word => {
    const equals = word.indexOf('=')
    return equals < 0
      ? parseFieldSetting(word, '')
      : parseFieldSetting(word.slice(0, equals), word.slice(equals + 1))
  })
}

function words(text: string): string[] {
  return text.split(/[ ,]+/).filter(word => word !== '')
}

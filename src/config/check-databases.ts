// Can the databases of the configuration work at all: are their URLs right, can their SQLite files be opened or made?

import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DatabaseLocation, parseDatabaseUrl } from '../database/database-url.js'
import { ConfigError } from '../model/config-error.js'
import type { ConfigProblem } from './config-problem.js'
import type { PlacedSetting } from './placed-setting.js'

/** The database URLs that can never work, or not on this machine. */
export function findDatabaseFaults(placed: readonly PlacedSetting[]): ConfigProblem[] {
  return placed.flatMap(({ key, kind, value, origin }) => {
    const isDatabase = kind === 'url' && /(^| )database_url$/.test(key)
    if (!isDatabase || typeof value !== 'string' || value === '') return []
    const fault = findFault(value)
    return fault === undefined ? [] : { source: origin?.source ?? 'defaults', key, ...fault }
  })
}

function findFault(url: string): { wrong: string; right?: string } | undefined {
  let location: DatabaseLocation
  try {
    location = parseDatabaseUrl(url)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { wrong: error.message.replace(/^database_url:? */, '') }
  }
  if (location.kind !== 'sqlite' || location.path === IN_MEMORY) return undefined
  const wrong = whyUnusable(location.path)
  return wrong === undefined ? undefined : { wrong, right: 'a file in a folder that Homing may write to' }
}

const IN_MEMORY = ':memory:'

function whyUnusable(path: string): string | undefined {
  if (existsSync(path)) {
    if (!statSync(path).isFile()) return `${path} is not a file`
    return mayUse(path) ? undefined : `${path} may not be written to`
  }
  let folder = dirname(path)
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder)
  if (!statSync(folder).isDirectory()) return `${path} cannot be created: ${folder} is not a folder`
  return mayUse(folder)
    ? undefined
    : `${path} is missing and cannot be created: ${folder} may not be written to`
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

// Can the SQLite files that the configuration names be opened, or created where they are missing?

import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ConfigProblem } from './config-problem.js'
import type { PlacedSetting } from './placed-setting.js'

const SQLITE = 'sqlite:'
const IN_MEMORY = ':memory:'

/** The database URLs that can never work on this machine. */
export function findDatabaseFaults(placed: readonly PlacedSetting[]): ConfigProblem[] {
  return placed.flatMap(({ key, kind, value, origin }) => {
    const path = kind === 'url' ? sqlitePath(value) : undefined
    const wrong = path === undefined ? undefined : whyUnusable(path)
    if (wrong === undefined) return []
    const right = 'a file in a folder that Homing may write to'
    return { source: origin?.source ?? 'defaults', key, wrong, right }
  })
}

function sqlitePath(url: unknown): string | undefined {
  if (typeof url !== 'string' || !url.startsWith(SQLITE)) return undefined
  const path = url
    .slice(SQLITE.length)
    .replace(/^\/\/(?=\/)/, '')
    .replace(/\?.*$/s, '')
  return path === '' || path === IN_MEMORY ? undefined : resolve(path)
}

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

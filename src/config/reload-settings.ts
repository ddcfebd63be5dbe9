// What a new configuration changes in a running service, and what it can only change by a restart.

import type { TObject, TSchema } from 'typebox'
import { declarationOf } from '../model/setting.js'
import type { Config } from './config.js'

export interface SettingChanges {
  /** Settings that a running service takes up. */
  readonly reloaded: readonly string[]
  /** Settings that hold from the next start on. */
  readonly needRestart: readonly string[]
}

/** Compares what a service runs with, and what was written since. Names only: a value may be a secret. */
export function settingChanges(schema: TObject, running: Config, next: Config): SettingChanges {
  const changed = Object.entries(schema.properties as Record<string, TSchema>).filter(([key]) =>
    differs(settingOf(running, key), settingOf(next, key)),
  )
  const names = (reloads: boolean) =>
    changed.filter(([, setting]) => (declarationOf(setting).reloads ?? false) === reloads).map(([key]) => key)
  const chains = (['passdbs', 'userdbs'] as const)
    .filter(key => differs(running[key].map(withoutOrigins), next[key].map(withoutOrigins)))
    .map(key => key.slice(0, -1))
  return { reloaded: names(true), needRestart: [...names(false), ...chains] }
}

/** Takes the new values up in place, for all who hold these settings and read them when they need them. */
export function takeUp(running: Config, next: Config, keys: readonly string[]): void {
  for (const key of keys) (running.settings as Record<string, unknown>)[key] = settingOf(next, key)
}

function settingOf({ settings }: Config, key: string): unknown {
  return (settings as Record<string, unknown>)[key]
}

function withoutOrigins({
  origins: _,
  ...link
}: Config['passdbs'][number] | Config['userdbs'][number]): object {
  return link
}

function differs(before: unknown, after: unknown): boolean {
  return JSON.stringify(before) !== JSON.stringify(after)
}

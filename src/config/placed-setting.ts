// Every setting of a configuration with its place, whichever group declares it.

import type { TObject, TSchema } from 'typebox'
import { declarationOf, type SettingKind } from '../model/setting.js'
import type { Config, ConfigSchema } from './config.js'
import type { SettingOrigin } from './read-settings.js'

export interface PlacedSetting {
  /** As an operator writes it: `database_url`, `passdb local: database_url`. */
  readonly key: string
  readonly kind: SettingKind
  readonly value: unknown
  readonly origin: SettingOrigin | undefined
}

/** The program's own settings and those that the drivers of the chains declare. */
export function placedSettings(config: Config, schema: ConfigSchema): PlacedSetting[] {
  const links = [
    ...config.passdbs.map(link => ({ ...link, chain: 'passdb', table: schema.passdbDrivers })),
    ...config.userdbs.map(link => ({ ...link, chain: 'userdb', table: schema.userdbDrivers })),
  ]
  return [
    ...placeGroup('', schema.settings, config.settings, config.origins),
    ...links.flatMap(({ chain, name, driver, table, options, origins }) => {
      const group = table[driver]?.options
      return group ? placeGroup(`${chain} ${name}: `, group, options, origins) : []
    }),
  ]
}

function placeGroup(
  prefix: string,
  group: TObject,
  values: unknown,
  origins: ReadonlyMap<string, SettingOrigin>,
): PlacedSetting[] {
  return Object.entries(group.properties as Record<string, TSchema>).map(([key, property]) => ({
    key: prefix + key,
    kind: declarationOf(property).kind,
    value: (values as Record<string, unknown>)[key],
    origin: origins.get(key),
  }))
}

// Config: everything an operator can set, read and checked.

import type { Static, TObject } from 'typebox'
import type { PassdbSettings, UserdbSettings } from './chain-settings.js'
import type { Presets } from './presets.js'
import type { ChainLink, DriverTable } from './read-chain.js'
import type { SettingOrigin } from './read-settings.js'

export interface Config<S extends TObject = TObject> {
  /** The program's own settings; the keys are those of the file. */
  readonly settings: Static<S>
  readonly passdbs: readonly ChainLink<PassdbSettings>[]
  readonly userdbs: readonly ChainLink<UserdbSettings>[]
  /** Where each setting that is not a default was written. */
  readonly origins: ReadonlyMap<string, SettingOrigin>
}

/** The links of a chain that nobody wrote down, in the form of the file. */
export type WrittenChain = readonly Readonly<Record<string, unknown>>[]

/** Everything a configuration is read against: the settings of the program and the driver tables. */
export interface ConfigSchema<S extends TObject = TObject> {
  readonly settings: S
  readonly passdbDrivers: DriverTable
  readonly userdbDrivers: DriverTable
  readonly defaultPassdbs: WrittenChain
  readonly defaultUserdbs: WrittenChain
  /** What the setting `preset` may name. */
  readonly presets?: Presets
}

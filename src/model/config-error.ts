/** A setting that can never work. The message names the setting, what is wrong and what would be right. */
export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG'
  override readonly name = 'ConfigError'
}

// The guide's three sizes, made right. What is written down elsewhere beats them.

/** Settings as an operator would write them. */
export type Preset = Readonly<Record<string, unknown>>

/** Name → settings. */
export type Presets = Readonly<Record<string, Preset>>

/**
 * The guide's cache sizes and times, with units. Its process_limit and client_limit have no counterpart: hash threads
 * are as many as cores, and connections are not counted out. A negative answer holds a minute and not an hour, since
 * whoever tries a new password before it is set would be locked out for that long. 16 MB hold some 25,000 users; who has
 * more than 100,000 sets auth_cache_size beside the preset.
 */
export const presets = {
  small: {
    auth_cache_size: '4M',
    auth_cache_ttl: '30 mins',
    auth_cache_negative_ttl: '1 mins',
    database_pool_size: 4,
  },
  medium: {
    auth_cache_size: '16M',
    auth_cache_ttl: '1 hour',
    auth_cache_negative_ttl: '1 mins',
    database_pool_size: 8,
  },
  large: {
    auth_cache_size: '64M',
    auth_cache_ttl: '2 hours',
    auth_cache_negative_ttl: '1 mins',
    database_pool_size: 16,
  },
} satisfies Presets

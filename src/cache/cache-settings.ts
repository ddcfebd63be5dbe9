// Dovecot's settings of the auth cache, and one of our own.

import type { Static } from 'typebox'
import { settings, size, time, yesNo } from '../model/setting.js'

// Dovecot refuses 1 to 1023 bytes as a forgotten unit (auth-settings.c, 2.3.19).
const SMALLEST_CACHE_BYTES = 1024

export const cacheSettings = settings({
  auth_cache_size: size('How much memory the auth cache may take; 0: no cache.', '0', {
    check: bytes =>
      bytes > 0 && bytes < SMALLEST_CACHE_BYTES ? `a cache of ${bytes} bytes holds nothing` : undefined,
    example: '"16M"',
    reloads: true,
  }),
  auth_cache_ttl: time('How long a cached answer is used without asking again; 0: no cache.', '1 hour', {
    reloads: true,
  }),
  auth_cache_negative_ttl: time(
    'The same for "there is no such user"; and how long a wrong password is refused without asking again.',
    '1 hour',
    { reloads: true },
  ),
  auth_cache_verify_password_with_worker: yesNo(
    'As in Dovecot, and without effect: slow password schemes are always computed beside the requests.',
    false,
    { reloads: true },
  ),
  auth_cache_fast_verify: yesNo(
    'Remember a keyed digest of the password that was right, so that the same one again needs no slow scheme.',
    true,
    { reloads: true },
  ),
  auth_cache_poll_interval: time(
    'How often a copy that caches reads from the database what was changed through Homing.',
    '1 secs',
    { minimum: 50, maximum: 3_600_000 },
  ),
})

export type CacheSettings = Static<typeof cacheSettings>

// Dovecot's settings of the auth cache. They are read and checked, so that one configuration serves every version.

import { settings, size, time } from '../model/setting.js'

// Dovecot refuses 1 to 1023 bytes as a forgotten unit (auth-settings.c, 2.3.19).
const SMALLEST_CACHE_BYTES = 1024

export const cacheSettings = settings({
  auth_cache_size: size('How much memory the auth cache may take; 0: no cache.', '0', {
    check: bytes =>
      bytes > 0 && bytes < SMALLEST_CACHE_BYTES ? `a cache of ${bytes} bytes holds nothing` : undefined,
    example: '"16M"',
  }),
  auth_cache_ttl: time('How long a cached answer is used without asking again.', '1 hour'),
  auth_cache_negative_ttl: time('The same for "there is no such user".', '1 hour'),
})

// What an operator can set about passwords, and the values they have by default.

import type { Static } from 'typebox'
import { choice, settings, size, time, wholeNumber, yesNo } from '../model/setting.js'

export const passwordSettings = settings({
  auth_allow_weak_schemes: yesNo(
    'Whether schemes that Dovecot 2.4 calls weak (DES-CRYPT, MD5, MD5-CRYPT, SMD5, PLAIN-MD4, PLAIN-MD5, LDAP-MD5, HMAC-MD5) are compared; if not, they are an internal failure',
    false,
  ),
  auth_hash_workers: wholeNumber(
    'Threads that compute slow password hashes; 0: one per core but for one core, which answers what needs no hash',
    0,
    { minimum: 0, maximum: 256 },
  ),
  auth_hash_timeout: time(
    'How long a password may take, waiting and hashing, before it is an internal failure; auth.lua stops waiting after 2 secs. A hash that takes longer is computed nevertheless, for whoever asks again meanwhile',
    '1500 msecs',
  ),
  auth_hash_max_wait: time(
    'A password that would probably wait longer for a thread is an internal failure at once; less than half of what the caller waits, since a machine that turns busy needs twice as long',
    '600 msecs',
  ),
  auth_hash_time_limit: time(
    'How long one hash may take; then its thread is replaced, and the same stored password is an internal failure at once, for 10 secs and each time twice as long, up to 10 mins. Earlier where 50 times as long as usual is less',
    '4 secs',
  ),
  auth_hash_queue_limit: wholeNumber('How many passwords may wait for a thread', 1024, {
    minimum: 1,
    maximum: 1_000_000,
  }),
  auth_hash_max_rounds: wholeNumber(
    'A stored hash with more rounds is an internal failure (SHA256-CRYPT, SHA512-CRYPT, PBKDF2, SCRAM, OTP)',
    1_000_000,
    { minimum: 1000, maximum: 999_999_999 },
  ),
  auth_hash_max_bcrypt_cost: wholeNumber('A BLF-CRYPT hash with a greater cost is an internal failure', 14, {
    minimum: 4,
    maximum: 31,
  }),
  auth_hash_max_passes: wholeNumber('An ARGON2 hash with more passes is an internal failure', 64, {
    minimum: 1,
    maximum: 1_000_000,
  }),
  auth_hash_memory_limit: size(
    'How much memory ARGON2 may take for all that is computed at the same time; a hash that alone needs more is an internal failure',
    '1G',
  ),
  auth_unknown_user_hash: yesNo(
    'Whether an unknown user takes as long as a wrong password, so that time does not tell who exists',
    true,
  ),
  auth_password_max_length: wholeNumber(
    'A longer password, in bytes, is a mismatch without being hashed',
    4096,
    { minimum: 64, maximum: 65_536 },
  ),
  password_rehash: choice(
    'After a login whose stored hash is weaker than a new one of this scheme, the new one is written to the table ' +
      '(sql passdbs; the database user must be allowed to change the password column). Empty: never. ' +
      'Left alone: passwords in clear (PLAIN), which an operator can hash without a login and may keep for a reason, ' +
      'and what other mechanisms need (CRAM-MD5, DIGEST-MD5, SCRAM, OTP)',
    ['', 'SHA512-CRYPT', 'ARGON2ID'],
    '',
  ),
  password_rehash_rounds: wholeNumber(
    'Rounds of the hashes that password_rehash makes, as in `homing pw -r` (ARGON2ID: passes; 4 and more take 1 GiB); 0: what the scheme has by default',
    0,
    { minimum: 0, maximum: 999_999_999 },
  ),
})

export type PasswordSettings = Static<typeof passwordSettings>

/** What the defaults above mean, for whoever has no configuration. */
export const defaultPasswordSettings: PasswordSettings = {
  auth_allow_weak_schemes: false,
  auth_hash_workers: 0,
  auth_hash_timeout: 1500,
  auth_hash_max_wait: 600,
  auth_hash_time_limit: 4000,
  auth_hash_queue_limit: 1024,
  auth_hash_max_rounds: 1_000_000,
  auth_hash_max_bcrypt_cost: 14,
  auth_hash_max_passes: 64,
  auth_hash_memory_limit: 1024 ** 3,
  auth_unknown_user_hash: true,
  auth_password_max_length: 4096,
  password_rehash: '',
  password_rehash_rounds: 0,
}

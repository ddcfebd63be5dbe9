import t from 'tap'
import { nearestName } from '../../../src/config/nearest-name.js'

const known = ['auth_cache_ttl', 'auth_cache_size', 'listen', 'database_url']

t.test('a slip of the finger finds the name that was meant', async t => {
  t.equal(nearestName('auth_cache_tll', known), 'auth_cache_ttl')
  t.equal(nearestName('AUTH_CACHE_TTL', known), 'auth_cache_ttl')
  t.equal(nearestName('lisen', known), 'listen')
  t.equal(nearestName('databse_ulr', known), 'database_url')
})

t.test('a name unlike all others has no nearest one', async t => {
  t.equal(nearestName('protocols', known), undefined)
  t.equal(nearestName('x', []), undefined)
})

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatProblem } from '../../../src/config/config-problem.js'
import { dumpConfig } from '../../../src/config/dump-config.js'
import { type ConfigSources, loadConfig } from '../../../src/config/load-config.js'
import { presets } from '../../../src/config/presets.js'
import { type HomingConfig, programSchema } from '../../../src/config/program-schema.js'

const folder = t.testdir({ credentials: {} })
const credentials = join(folder, 'credentials')
const memory = { HOMING_DATABASE_URL: 'sqlite::memory:' }

function load(flags: readonly string[], rest: Partial<ConfigSources> = {}): HomingConfig {
  const loaded = loadConfig(programSchema, { environment: memory, flags, ...rest })
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return loaded.config
}

t.test('every preset is a good configuration, and bigger ones have more of everything', async t => {
  const sizes = Object.keys(presets).map(name => load([`preset=${name}`]).settings)
  t.same(
    sizes.map(({ auth_cache_size, auth_cache_ttl }) => [
      auth_cache_size / 1024 / 1024,
      auth_cache_ttl / 60_000,
    ]),
    [
      [4, 30],
      [16, 60],
      [64, 120],
    ],
  )
  t.same(
    sizes.map(({ database_pool_size }) => database_pool_size),
    [4, 8, 16],
  )
  for (const { auth_cache_negative_ttl } of sizes) t.equal(auth_cache_negative_ttl, 60_000)
  t.equal(load([]).settings.auth_cache_size, 0, 'nobody gets one unasked')
})

t.test('whatever is written down beats a preset, wherever it is', async t => {
  const file = join(folder, 'homing.toml')
  writeFileSync(file, 'preset = "large"\nauth_cache_ttl = "10 mins"\n', { mode: 0o600 })
  const environment = { ...memory, HOMING_DATABASE_POOL_SIZE: '3' }
  t.match(load([], { file, environment }).settings, {
    auth_cache_size: 64 * 1024 * 1024,
    auth_cache_ttl: 600_000,
    database_pool_size: 3,
  })
  t.match(load(['preset=small'], { file }).settings, {
    auth_cache_size: 4 * 1024 * 1024,
    auth_cache_ttl: 600_000,
  })
})

t.test('a dump says what comes from a preset, and loads again as it is', async t => {
  const config = load(['preset=medium', 'auth_cache_ttl=2 hours'])
  const dump = dumpConfig(config, programSchema, { nonDefault: true })
  t.match(dump, /preset = "medium"\n/)
  t.match(dump, /# from preset medium\nauth_cache_size = "16M"\n/)
  t.notMatch(dump, /# from preset medium\nauth_cache_ttl/)
  const file = join(folder, 'dump.toml')
  writeFileSync(file, dump, { mode: 0o600 })
  t.same(load([], { file }).settings, config.settings)
})

t.test('a preset that there is not is named', async t => {
  const loaded = loadConfig(programSchema, { environment: memory, flags: ['preset=huge'] })
  t.match('problems' in loaded && loaded.problems.map(formatProblem), [
    /preset: unknown value "huge" \(right: one of none, small, medium, large\)/,
  ])
})

function credential(name: string, text: string, mode = 0o400): void {
  writeFileSync(join(credentials, name), text, { mode })
}

t.test('systemd credentials are secrets, by the name of the setting', async t => {
  credential('api_token', 's3same\n')
  credential('passdb.local.database_url', 'mysql://homing:s3cret@db/mail')
  credential('somebody-else.pem', 'whatever')
  credential('log_level', 'debug')
  const environment = { ...memory, CREDENTIALS_DIRECTORY: credentials }
  const config = load([], { environment })
  t.equal(config.settings.api_token, 's3same')
  t.match(config.origins.get('api_token'), {
    source: 'credential api_token',
    secretFile: { worldReadable: false },
  })
  t.match(config.passdbs.find(({ name }) => name === 'local')?.options, {
    database_url: 'mysql://homing:s3cret@db/mail',
  })
  t.equal(config.settings.log_level, 'info', 'only secrets are credentials')
  t.notMatch(dumpConfig(config, programSchema, { nonDefault: false }), /s3same|s3cret/)
  t.equal(
    load([], { environment: { ...environment, HOMING_API_TOKEN: 'other' } }).settings.api_token,
    'other',
  )
})

t.test('a credential that will not do, and a folder that is not there, are named', async t => {
  const problems = (directory: string) => {
    const environment = { ...memory, CREDENTIALS_DIRECTORY: directory }
    const loaded = loadConfig(programSchema, { environment })
    return 'problems' in loaded ? loaded.problems.map(formatProblem) : []
  }
  const empty = join(folder, 'empty')
  mkdirSync(empty)
  writeFileSync(join(empty, 'api_token'), '')
  chmodSync(empty, 0o700)
  t.match(problems(empty), [/^credential api_token: api_token_file: .*api_token is empty/])
  t.match(problems(join(folder, 'missing')), [/CREDENTIALS_DIRECTORY .*missing: cannot read the folder/])
})

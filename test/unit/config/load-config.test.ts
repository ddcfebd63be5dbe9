import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatProblem } from '../../../src/config/config-problem.js'
import { type ConfigSources, loadConfig } from '../../../src/config/load-config.js'
import { exampleSchema } from './example-schema.js'

const folder = t.testdir({ token: 's3cret\n' })
const file = join(folder, 'homing.toml')
const tokenFile = join(folder, 'token')
chmodSync(tokenFile, 0o600)

function load(toml: string | undefined, rest: Partial<ConfigSources> = {}) {
  if (toml !== undefined) writeFileSync(file, toml, { mode: 0o600 })
  return loadConfig(exampleSchema, { file: toml === undefined ? undefined : file, environment: {}, ...rest })
}

function configOf(...args: Parameters<typeof load>) {
  const loaded = load(...args)
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return loaded.config
}

function problemsOf(...args: Parameters<typeof load>): string[] {
  const loaded = load(...args)
  return 'problems' in loaded
    ? loaded.problems.map(problem => formatProblem(problem).replace(file, 'FILE'))
    : []
}

t.test('without any setting the defaults hold', async t => {
  const config = configOf(undefined)
  t.match(config.settings, {
    listen: ['127.0.0.1:8080'],
    auth_cache_ttl: 3_600_000,
    workers: 2,
    verbose: false,
  })
  t.same(
    config.passdbs.map(({ name, driver }) => [name, driver]),
    [
      ['proxy', 'sql'],
      ['local', 'sql'],
    ],
  )
  t.match(config.passdbs[0], {
    settings: { result_success: 'return-ok', result_failure: 'continue', result_internalfail: 'return-fail' },
    options: { table: 'proxy_users', columns: { user: 'username' } },
  })
  t.equal(config.origins.size, 0)
})

t.test('the file beats the defaults, the environment the file, and flags everything', async t => {
  const toml = 'auth_cache_ttl = "5 mins"\nworkers = 3\nlog_level = "debug"\n'
  const environment = { HOMING_WORKERS: '4', HOMING_LOG_LEVEL: 'warn', PATH: '/bin' }
  const config = configOf(toml, { environment, flags: ['log_level=info'] })
  t.match(config.settings, { auth_cache_ttl: 300_000, workers: 4, log_level: 'info' })
  t.equal(config.origins.get('auth_cache_ttl')?.source, file)
  t.equal(config.origins.get('workers')?.source, 'environment HOMING_WORKERS')
  t.equal(config.origins.get('log_level')?.source, 'flag --set log_level')
})

t.test('a variable is read as TOML, or as a bare string', async t => {
  const listen = (text: string) =>
    configOf(undefined, { environment: { HOMING_LISTEN: text } }).settings.listen
  t.same(listen('["127.0.0.1:1", "[::1]:2"]'), ['127.0.0.1:1', '[::1]:2'])
  t.same(listen('127.0.0.1:1'), ['127.0.0.1:1'])
  t.same(listen('127.0.0.1:1, unix:/x'), ['127.0.0.1:1', 'unix:/x'])
  const token = (text: string) =>
    configOf(undefined, { environment: { HOMING_API_TOKEN: text } }).settings.api_token
  t.equal(token('00012345678901234567890'), '00012345678901234567890', 'digits stay text')
  t.equal(token('1e5'), '1e5')
  t.equal(token('"quoted"'), 'quoted')
  t.equal(token('true'), 'true')
  t.equal(token('a = b\nc = d'), 'a = b\nc = d')
})

t.test('the file is --config, else HOMING_CONFIG, and it must be there', async t => {
  configOf('workers = 7\n')
  t.equal(configOf(undefined, { environment: { HOMING_CONFIG: file } }).settings.workers, 7)
  t.match(problemsOf(undefined, { file: join(folder, 'none.toml') }), [
    /none\.toml: cannot read the file: ENOENT/,
  ])
})

t.test(
  'every mistake is reported at once, with file, key, what is wrong and what would be right',
  async t => {
    const toml = `
    auth_cache_tll = "1 hour"
    auth_cache_ttl = 3600
    auth_cache_size = "16 megs"
    listen = 8080
    log_level = "loud"
    workers = 0
    verbose = "maybe"
    table = "users"

    [[passdb]]
    driver = "sqll"

    [[passdb]]
    name = "local"
    driver = "sql"
    skip = "notfound"
    columns = { user = "u", domain = false }
    fields = { proxy = "y" }
  `
    t.strictSame(problemsOf(toml, { environment: { HOMING_WORKRES: '1' }, flags: ['workers'] }), [
      'flag --set: "workers" has no value (right: --set key=value)',
      'FILE: auth_cache_tll: unknown setting (right: did you mean auth_cache_ttl?)',
      'FILE: table: unknown setting (right: table belongs into a [[passdb]] or [[userdb]])',
      'environment HOMING_WORKRES: workres: unknown setting (right: did you mean workers?)',
      'FILE: listen: this is a number and not a list (right: ["one", "two"])',
      'FILE: auth_cache_size: "16 megs" is not a size (right: a number and a unit: "64k", "16M", "1G")',
      'FILE: auth_cache_ttl: the time "3600" has no unit (right: "3600 secs" if seconds were meant)',
      'FILE: log_level: unknown value "loud" (right: one of debug, info, warn)',
      'FILE: workers: 0 is too little (right: at least 1)',
      'FILE: verbose: "maybe" is neither yes nor no (right: true or false)',
      'FILE: passdb sqll: unknown driver "sqll" (right: did you mean sql? the drivers are sql, static)',
      'FILE: passdb local: fields: unknown setting (right: fields is a setting of driver static, not of sql)',
      'FILE: passdb local: skip: unknown value "notfound" (right: "never", and result_failure = "continue" in the passdb before; notfound is a word of userdbs)',
      'FILE: passdb local: table: this setting must be given (right: The table.)',
      'FILE: passdb local: columns: domain = false (right: no domain at all: its presence means yes)',
    ])
  },
)

t.test('text that is not TOML is refused with its line, and nothing of it is quoted', async t => {
  const problems = problemsOf('workers = 2\napi_token = s3cret\n')
  t.match(problems, [/^FILE: line 2, column \d+: not valid TOML/])
  t.notMatch(problems.join(), /s3cret/)
})

t.test('a secret is also read from a file, named in the file or the environment', async t => {
  t.equal(configOf(`api_token_file = "${tokenFile}"`).settings.api_token, 's3cret')
  const environment = { HOMING_API_TOKEN_FILE: tokenFile }
  const config = configOf('api_token = "older"\n', { environment })
  t.equal(config.settings.api_token, 's3cret')
  t.match(config.origins.get('api_token'), { secretFile: { path: tokenFile, worldReadable: false } })
  t.match(problemsOf(`api_token = "a"\napi_token_file = "${tokenFile}"`), [
    'FILE: api_token_file: api_token and api_token_file are the same setting, and both are given (right: one of them)',
  ])
  t.match(problemsOf('api_token_file = "/none"'), [/^FILE: api_token_file: cannot read \/none/])
})

t.test('what a dump prints in place of a secret is not taken for one', async t => {
  t.match(problemsOf('api_token = "<hidden>"'), [/^FILE: api_token: <hidden> stands in place of the secret/])
  t.match(problemsOf('database_url = "mysql://u:<hidden>@db/m"'), [/^FILE: database_url: <hidden> stands/])
})

t.test("one link's setting can be changed by its name or its place, also in the default chain", async t => {
  const environment = {
    HOMING_PASSDB__LOCAL__DATABASE_URL: 'mysql://u@db/local',
    HOMING_PASSDB__0__DENY: 'yes',
  }
  const config = configOf(undefined, { environment })
  t.equal(config.passdbs.length, 2)
  t.match(config.passdbs[0], { name: 'proxy', settings: { deny: true } })
  t.match(config.passdbs[1], {
    name: 'local',
    options: { database_url: 'mysql://u@db/local', table: 'local_users' },
  })
  const flags = ['passdb.local.columns.user=mail']
  t.match(configOf(undefined, { flags }).passdbs[1], { options: { columns: { user: 'mail' } } })
  t.match(
    problemsOf(undefined, { flags: ['passdb.lokal.deny=yes', 'passdb.2.deny=yes', 'passdb.local=x'] }),
    [
      'flag --set passdb.local: passdb.local: no setting is named (right: passdb.NAME.setting, where NAME is one of proxy, local)',
      'flag --set passdb.lokal.deny: passdb.lokal.deny: there is no passdb "lokal" (right: passdb.NAME.setting, where NAME is one of proxy, local)',
      /there is no passdb "2"/,
    ],
  )
})

t.test('a whole chain can stand in one variable', async t => {
  const environment = { HOMING_PASSDB: '[{ driver = "static", fields = { proxy = true, port = 143 } }]' }
  t.match(configOf(undefined, { environment }).passdbs, [
    { name: 'static', driver: 'static', options: { fields: { proxy: 'yes', port: '143' } } },
  ])
  t.match(problemsOf('[passdb]\ndriver = "static"\n'), [
    'FILE: passdb: this is not a list of tables (right: one [[passdb]] with name and driver for each)',
    /there is no passdb to ask/,
  ])
})

t.test("both of Dovecot's spellings of a setting are read, but not together", async t => {
  const link = (line: string) => `[[passdb]]\ndriver = "static"\n${line}\n`
  const mechanisms = (line: string) => configOf(link(line)).passdbs[0]?.settings.mechanisms_filter
  t.same(mechanisms('mechanisms = "plain login"'), ['plain', 'login'])
  t.same(mechanisms('mechanisms_filter = ["PLAIN"]'), ['PLAIN'])
  t.match(problemsOf(link('mechanisms = "plain"\nmechanisms_filter = "login"')), [/are the same setting/])
})

t.test('two links of one name are refused', async t => {
  t.match(problemsOf('[[passdb]]\ndriver = "static"\n[[passdb]]\ndriver = "static"\n'), [
    'FILE: passdb: more than one is named "static" (right: a name of its own for each)',
  ])
})

t.test('a link without a driver is refused, and the drivers are named', async t => {
  t.match(problemsOf('[[passdb]]\nname = "x"\n[[passdb]]\ndriver = "static"\n'), [
    'FILE: passdb x: this passdb has no driver (right: the drivers are sql, static)',
  ])
})

t.test('names that objects have by themselves are no settings and no drivers', async t => {
  t.match(problemsOf('constructor = 1\n"__proto__" = 2\n[[passdb]]\ndriver = "constructor"\ntoString = 1'), [
    /^FILE: constructor: unknown setting/,
    /^FILE: __proto__: unknown setting/,
    /unknown driver "constructor"/,
    /there is no passdb/,
  ])
})

t.test('what Kubernetes sets for a Service called homing is nobody’s mistake', async t => {
  const environment = {
    HOMING_SERVICE_HOST: '10.0.0.1',
    HOMING_SERVICE_PORT: '8080',
    HOMING_SERVICE_PORT_HTTP: '8080',
    HOMING_PORT: 'tcp://10.0.0.1:8080',
    HOMING_PORT_8080_TCP_ADDR: '10.0.0.1',
    HOMING_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
  }
  t.same(problemsOf(undefined, { environment }), [])
})

t.test('a time that no timer can wait for is refused', async t => {
  t.match(problemsOf('auth_cache_ttl = "4 weeks"'), [/auth_cache_ttl: 4 weeks is too much \(right: at most/])
})

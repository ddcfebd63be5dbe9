import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ConfigSchema } from '../../../src/config/config.js'
import { formatProblem } from '../../../src/config/config-problem.js'
import { loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'
import { exampleSchema } from './example-schema.js'

const folder = t.testdir({ token: 's3cret', 'a-file': '' })
const file = join(folder, 'homing.toml')

function check(toml: string, mode = 0o600, schema: ConfigSchema = exampleSchema) {
  writeFileSync(file, toml)
  chmodSync(file, mode)
  const loaded = loadConfig(schema, { file, environment: {} })
  const format = (found: Parameters<typeof formatProblem>[0]) =>
    formatProblem(found).replaceAll(folder, 'DIR')
  return {
    problems: 'problems' in loaded ? loaded.problems.map(format) : [],
    warnings: loaded.warnings.map(format),
  }
}

t.test(
  'a listener that other machines reach needs an API token, and the message says how to set it',
  async t => {
    t.match(check('listen = ["127.0.0.1:1", "0.0.0.0:8080", "[2001:db8::1]:1"]').problems, [
      /^DIR\/homing\.toml: listen: 0\.0\.0\.0:8080 is open to other machines, and no api_token is set \(right: HOMING_API_TOKEN_FILE=/,
      /\[2001:db8::1\]:1 is open/,
    ])
    t.same(check('listen = "0.0.0.0:8080"\napi_token = "x"').problems, [])
    t.same(check('listen = ["127.0.0.1:1", "unix:/x", "[::1]:1"]').problems, [])
  },
)

t.test('what is no address to listen on is refused, and so is nowhere', async t => {
  t.match(check('listen = ["127.0.0.1:1", "8080"]').problems, [
    /listen: "8080" is not an address with a port/,
  ])
  t.match(check('listen = []').problems, [/listen: there is no address to answer on/])
})

t.test('the dict protocol is spoken on unix sockets only', async t => {
  const problems = (list: string) => check(`dict_listen = ${list}`, 0o600, programSchema).problems
  t.same(problems('["unix:/run/homing/dict.sock"]'), [])
  t.match(problems('["127.0.0.1:8081"]'), [
    /dict_listen: "127\.0\.0\.1:8081" is no unix socket \(right: "unix:\/run\/homing\/dict\.sock"\)/,
  ])
  t.match(problems('["/run/homing/dict.sock"]'), [/dict_listen: /])
  t.match(problems('["unix:"]'), [/dict_listen: "unix:" has no path/])
})

t.test('a database URL that means nothing is refused, without its password', async t => {
  t.match(check('database_url = "postgres://db/mail"').problems, [/database_url: unknown kind "postgres"/])
  const { problems } = check('database_url = "mysql://u:s3cret@db:99999/mail"')
  t.match(problems, [/database_url: .*port 99999/])
  t.notMatch(problems.join(), /s3cret/)
})

t.test('a SQLite file that can never be opened is refused', async t => {
  const problems = (path: string) => check(`database_url = "sqlite:${path}"`).problems
  t.match(problems(`${folder}/a-file/homing.db`), [
    'DIR/homing.toml: database_url: DIR/a-file/homing.db cannot be created: DIR/a-file is not a folder (right: a file in a folder that Homing may write to)',
  ])
  t.match(problems(folder), [/database_url: DIR is not a file/])
  t.same(problems(`${folder}/new/folder/homing.db`), [])
  t.same(problems(':memory:'), [])
  const own = '[[passdb]]\ndriver = "sql"\ntable = "x"\ndatabase_url = "sqlite:/dev/null"\n'
  t.match(check(own).problems, [
    'DIR/homing.toml: passdb sql: database_url: /dev/null is not a file (right: a file in a folder that Homing may write to)',
  ])
})

const passdb = (lines: string) => `[[passdb]]\nname = "p"\ndriver = "static"\n${lines}\n`

t.test('a chain that asks nobody is refused', async t => {
  t.match(check('passdb = []').problems, [/there is no passdb to ask/])
  t.match(check(passdb('skip = "unauthenticated"')).problems, [
    /every passdb is skipped, so nobody can log in/,
  ])
  t.match(check(passdb('master = true')).problems, [/there is no passdb to ask/])
})

t.test('a chain without a rule that succeeds is warned of', async t => {
  t.match(check(passdb('result_success = "return"')).warnings, [
    /no passdb has a rule that ends in a success/,
  ])
  t.match(check(passdb('deny = true')).warnings, [/nobody can log in/])
})

t.test('a database that is down sending its users to the next passdb is warned of', async t => {
  const first = passdb('result_internalfail = "continue"')
  t.match(check(`${first}[[passdb]]\ndriver = "static"\n`).warnings, [
    'DIR/homing.toml: passdb p: result_internalfail: with "continue", users of a database that is down get the next one\'s mailbox (right: "return-fail")',
  ])
  t.same(check(first).warnings, [], 'the last of a chain has nobody to pass on to')
})

t.test('any-cert is warned of, as a field and as a setting', async t => {
  t.match(check(passdb('override_fields = { ssl = "any-cert" }')).warnings, [/p: override_fields: any-cert/])
  t.match(check(passdb('fields = { "starttls:default" = "any-cert" }')).warnings, [/p: fields: any-cert/])
  t.same(check(passdb('fields = { comment = "any-cert" }')).warnings, [])
})

t.test('a cache of a few bytes is warned of', async t => {
  t.match(check('auth_cache_size = 4096').warnings, [/the cache has 4096 bytes, room for a few dozen users/])
  const tiny = (toml: string) => check(toml).warnings.filter(warning => /room for/.test(warning))
  t.same(tiny('auth_cache_size = "16M"'), [])
  t.same(tiny('auth_cache_size = 0'), [])
})

t.test('a password in a file that everybody can read is warned of', async t => {
  const password = 'database_url = "mysql://dovecot:s3cret@db/mail"'
  const { warnings } = check(password, 0o644)
  t.match(warnings, [
    /^DIR\/homing\.toml: database_url: everybody on this machine can read DIR\/homing\.toml/,
  ])
  t.notMatch(warnings.join(), /s3cret/)
  t.same(check(password, 0o640).warnings, [])
  t.same(check('database_url = "mysql://dovecot@db/mail"', 0o644).warnings, [])
  chmodSync(join(folder, 'token'), 0o644)
  t.match(check(`api_token_file = "${folder}/token"`).warnings, [
    /api_token: everybody .* can read DIR\/token/,
  ])
})

t.test('a secret among the flags is refused, the name of its file is not', async t => {
  const withFlag = (flag: string) => {
    const loaded = loadConfig(exampleSchema, { environment: {}, flags: [flag] })
    return 'problems' in loaded ? loaded.problems.map(formatProblem) : []
  }
  t.match(withFlag('api_token=s3cret'), [
    /^flag --set api_token: api_token: everybody .* can read a command line/,
  ])
  t.notMatch(withFlag('api_token=s3cret').join(), /s3cret/)
  t.match(withFlag('database_url=mysql://d:s3cret@db/m'), [/right: database_url_file=/])
  t.same(withFlag('database_url=mysql://d@db/m'), [])
  t.same(withFlag(`api_token_file=${folder}/token`), [])
})

t.test('the admin door wants a token on every address but a unix socket', async t => {
  const checkProgram = (toml: string) => check(toml, 0o600, programSchema).problems
  t.match(checkProgram('admin_listen = ["127.0.0.1:9090", "0.0.0.0:9091", "unix:/run/admin.sock"]'), [
    /admin_listen: 127\.0\.0\.1:9090 is open to everybody on this machine, and no admin_token is set \(right: HOMING_ADMIN_TOKEN_FILE=.*unix:/,
    /admin_listen: 0\.0\.0\.0:9091 is open to other machines/,
  ])
  t.same(checkProgram('admin_listen = "127.0.0.1:9090"\nadmin_read_token = "x"'), [])
  t.same(checkProgram('admin_listen = "unix:/run/admin.sock"'), [])
})

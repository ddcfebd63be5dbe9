import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatProblem } from '../../../src/config/config-problem.js'
import { loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'

const file = join(t.testdir(), 'homing.toml')

function check(...toml: readonly string[]) {
  writeFileSync(file, toml.join('\n'), { mode: 0o600 })
  const loaded = loadConfig(programSchema, { file, environment: {} })
  return {
    problems: 'problems' in loaded ? loaded.problems.map(formatProblem) : [],
    warnings: loaded.warnings.map(formatProblem),
  }
}

let passdbs = 0
const passdb = (...lines: string[]) => ['[[passdb]]', `name = "p${++passdbs}"`, ...lines].join('\n')
const masters = passdb(
  'driver = "sql"',
  'table = "master_users"',
  'master = true',
  'result_success = "continue"',
)
const users = passdb('driver = "sql"', 'table = "local_users"', 'result_failure = "return-fail"')

t.test('masters in a table of their own are good', async t => {
  t.same(check('auth_master_user_separator = "*"', masters, users), { problems: [], warnings: [] })
})

t.test('a table of users makes no masters, and the table of masters no users', async t => {
  for (const table of ['local_users', 'proxy_users']) {
    const master = passdb(
      'driver = "sql"',
      `table = "${table}"`,
      'master = true',
      'result_success = "continue"',
    )
    t.match(check(master, passdb('driver = "static"', 'password = "x"')).problems, [
      /every user could log in as every other one/,
    ])
  }
  t.match(check(passdb('driver = "sql"', 'table = "master_users"')).problems, [/master users would be users/])
})

t.test('one source makes masters or users, unless a column tells them apart', async t => {
  const own = (...lines: string[]) =>
    passdb('driver = "sql"', 'table = "people"', 'username_filter = ["*@x"]', ...lines)
  const master = ['master = true', 'result_success = "continue"']
  const columns = (active: string) => `columns = { user = "u", password = "p"${active} }`
  t.match(check(own(...master, columns('')), own(columns(''))).problems, [/reads the same/])
  t.same(
    check(own(...master, columns(', active = "masteradmin"')), own(columns(', active = "on"'))).problems,
    [],
  )
  const files = (path: string, ...lines: string[]) =>
    passdb('driver = "passwd-file"', `path = "${path}"`, ...lines)
  t.match(check(files('/etc/x', ...master), files('/etc/x')).problems, [/reads the same/])
  t.same(check(files('/etc/masters', ...master), files('/etc/x')).problems, [])
})

t.test('what lets too many in is said', async t => {
  const open = passdb(
    'driver = "static"',
    'nopassword = true',
    'master = true',
    'result_success = "continue"',
  )
  t.match(check(open, users).problems, [/everybody could log in as everybody/])
  const final = passdb('driver = "sql"', 'table = "master_users"', 'master = true')
  t.match(check(final, users).warnings, [/nobody looks whether the user .* exists/])
})

t.test('a separator without masters refuses logins for nothing', async t => {
  t.match(check('auth_master_user_separator = "*"', users).warnings, [/no passdb with master = true/])
})

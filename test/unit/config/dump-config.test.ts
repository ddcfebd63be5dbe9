import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { dumpConfig, dumpConfigAsJson } from '../../../src/config/dump-config.js'
import { loadConfig } from '../../../src/config/load-config.js'
import { exampleSchema } from './example-schema.js'

const folder = t.testdir({ token: 's3cret' })
const file = join(folder, 'homing.toml')
chmodSync(join(folder, 'token'), 0o600)

function load(toml: string) {
  writeFileSync(file, toml, { mode: 0o600 })
  const loaded = loadConfig(exampleSchema, { file, environment: {} })
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  return loaded.config
}

const dump = (toml: string, nonDefault = false) => dumpConfig(load(toml), exampleSchema, { nonDefault })

const everything = `
  database_url = "mysql://dovecot@db1,db2/mail"
  listen = ["127.0.0.1:1", "unix:/run/x.sock"]
  auth_cache_size = "16M"
  auth_cache_ttl = "90 secs"
  log_level = "debug"
  workers = 3
  verbose = "yes"
  userdb = []

  [[passdb]]
  name = "by hand"
  driver = "static"
  name = "hand"
`.replace('name = "by hand"\n', '')

const chain = `
  [[passdb]]
  name = "first"
  driver = "sql"
  table = 'a "table" \\ with everything'
  columns = { user = "u", "odd key" = "v" }
  username_filter = ["*@example.org", "!root"]
  deny = true

  [[passdb]]
  driver = "static"
  fields = { proxy = true, "host:default" = "backend" }
`

t.test('a dump loads again and means the same', async t => {
  for (const toml of ['', everything, chain]) {
    for (const nonDefault of [false, true]) {
      const before = load(toml)
      const after = load(dumpConfig(before, exampleSchema, { nonDefault }))
      t.same(after.settings, before.settings)
      const meaning = ({ name, driver, settings, options }: (typeof before.passdbs)[number]) => ({
        name,
        driver,
        settings,
        options,
      })
      t.same(after.passdbs.map(meaning), before.passdbs.map(meaning))
      t.equal(after.userdbs.length, before.userdbs.length)
    }
  }
})

t.test('--non-default prints what was changed, in the order of the settings, and nothing else', async t => {
  t.equal(dump('', true), '')
  t.equal(
    dump('workers = 3\nauth_cache_ttl = "60 mins"\nauth_cache_size = "1024k"\n', true),
    'auth_cache_size = "1M"\nworkers = 3\n',
  )
  t.equal(
    dump('[[passdb]]\nname = "x"\ndriver = "static"\ndeny = true\nskip = "never"\n', true),
    '\n[[passdb]]\nname = "x"\ndriver = "static"\ndeny = true\n',
  )
})

t.test('a full dump explains each setting', async t => {
  t.match(dump(''), /^# Where users are kept\.\ndatabase_url = "sqlite:\.\/data\/homing\.db"\n/)
  t.match(dump(''), /\n\[\[passdb\]\]\n# .*\nname = "proxy"\n# .*\ndriver = "sql"\n/)
})

t.test('no secret is printed', async t => {
  const toml = 'api_token = "s3cret"\ndatabase_url = "mysql://dovecot:s3cret@db/mail"\n'
  for (const nonDefault of [true, false]) {
    const text = dump(toml, nonDefault)
    t.notMatch(text, /s3cret/)
    t.match(text, '# api_token is set and not shown\n')
    t.match(text, '# its password is not shown\ndatabase_url = "mysql://dovecot@db/mail"\n')
  }
  const json = dumpConfigAsJson(load(toml), exampleSchema, { nonDefault: true })
  t.strictSame(json, { database_url: 'mysql://dovecot@db/mail', api_token: '<hidden>' })
})

t.test('a secret that came from a file is printed as the name of that file', async t => {
  const line = `api_token_file = "${folder}/token"\n`
  t.equal(dump(line, true), line)
})

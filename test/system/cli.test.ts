// The program as a user runs it: the built executable, its output, its exit codes.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commandLine } from './command-line.js'
import { skipWithout } from './parts.js'

const { folder, program, run, homing, withInput, environment, running } = commandLine(t)

t.test('help, version and a command that does not exist', async t => {
  t.match(homing('--version'), { code: 0, out: /^homing \d+\.\d+\.\d+\n$/ })
  t.match(homing('--help'), { code: 0, out: /homing serve .*\n[\s\S]*homing auth test USER/, err: '' })
  t.match(homing('auth', 'test', '--help'), {
    code: 0,
    out: /Usage {2}homing auth test[\s\S]*Examples\n {2}homing auth/,
  })
  t.match(homing('srve'), { code: 64, out: '', err: /did you mean "serve"\?\nTry: homing --help/ })
  t.match(homing(), { code: 64, err: /which command\?/ })
  t.same(JSON.parse(homing('srve', '--json').out), {
    error: 'usage',
    message: 'there is no command "srve"; did you mean "serve"?',
  })
})

t.test('a proxied and a local user are added, and log in by the default chain', async t => {
  t.match(
    homing('proxy-user', 'add', 'Anna@Example.org', '--host', 'backend1.example.org', '--destuser', 'anna'),
    {
      code: 0,
      out: 'added anna@example.org\n',
    },
  )
  t.match(
    withInput(
      's3cret\n',
      'local-user',
      'add',
      'john@example.org',
      '--home',
      '/srv/john',
      '--uid',
      '5000',
      '--gid',
      '5000',
    ),
    {
      code: 0,
      out: 'added john@example.org\n',
    },
  )

  t.equal(
    withInput('s3cret\n', 'auth', 'test', 'JOHN@example.org').out.replace(/[\d.]+ ms/g, 'N ms'),
    [
      'passdb: john@example.org auth succeeded',
      'extra fields:',
      '  user=john@example.org',
      '  userdb_home=/srv/john',
      '  userdb_uid=5000',
      '  userdb_gid=5000',
      'passdbs asked:',
      '  proxy (sql): user_unknown, N ms',
      '  local (sql): ok, N ms',
      '',
    ].join('\n'),
  )
  const proxied = JSON.parse(
    withInput('any', 'auth', 'test', 'anna@example.org', '--protocol', 'imap', '--json').out,
  )
  t.match(proxied, { result: 'ok', fields: { proxy: 'y', host: 'backend1.example.org', destuser: 'anna' } })
  t.notOk('nopassword' in proxied.fields)
})

t.test('each way a login can end has its own exit code', async t => {
  t.match(withInput('wrong', 'auth', 'test', 'john@example.org'), {
    code: 77,
    out: /auth failed[\s\S]*result: password_mismatch/,
  })
  t.match(withInput('x', 'auth', 'test', 'nobody@example.org'), { code: 67, out: /result: user_unknown/ })
  t.match(homing('local-user', 'set', 'john@example.org', '--active', 'no'), { code: 0 })
  t.match(withInput('s3cret', 'auth', 'test', 'john@example.org'), {
    code: 77,
    out: /\n {2}code=user_disabled\n[\s\S]*result: user_disabled/,
  })
  t.match(homing('local-user', 'set', 'john@example.org', '--active', 'yes'), { code: 0 })
  const down = ['--set', 'database_url=mysql://homing@127.0.0.1:1/mail']
  t.match(withInput('x', 'auth', 'test', 'john@example.org', ...down), {
    code: 75,
    out: /\n {2}code=temp_fail\n[\s\S]*result: internal_failure/,
    err: /ECONNREFUSED/,
  })
})

t.test('lookups without a password print as doveadm prints them', async t => {
  t.match(homing('auth', 'lookup', 'anna@example.org', '--protocol', 'lmtp'), {
    code: 0,
    out: /^passdb: anna@example\.org\n {2}user {6}: anna@example\.org\n[\s\S]* {2}host {6}: backend1\.example\.org\n/,
  })
  const local = homing('auth', 'lookup', 'john@example.org')
  t.match(local, { code: 0, out: /\n {2}password {2}: \{SHA512-CRYPT\}<hidden>\n/ })
  t.match(homing('auth', 'lookup', 'john@example.org', '--show-hash').out, /: \{SHA512-CRYPT\}\$6\$/)
  t.match(homing('auth', 'lookup', 'nobody@example.org'), {
    code: 67,
    out: '',
    err: "homing: passdb lookup: user nobody@example.org doesn't exist\n",
  })
  t.match(homing('user', 'john@example.org'), {
    code: 0,
    out: 'field\tvalue\nuid\t5000\ngid\t5000\nhome\t/srv/john\n',
  })
  t.match(homing('user', 'john@example.org', '-f', 'home'), { code: 0, out: '/srv/john\n' })
  t.match(homing('user', 'nobody@example.org'), { code: 67, err: /user nobody@example\.org doesn't exist/ })
  t.match(homing('user', '*@example.org'), { code: 0, out: 'john@example.org\nanna@example.org\n' })
  t.match(homing('user', '*', '--set', 'database_url=mysql://homing@127.0.0.1:1/mail'), {
    code: 75,
    err: /the list is not complete/,
  })
})

t.test('accounts are shown, changed, listed and deleted', async t => {
  const shown = JSON.parse(homing('proxy-user', 'show', 'anna@example.org', '--json').out)
  t.match(shown, {
    user: 'anna@example.org',
    host: 'backend1.example.org',
    ssl_mode: 'starttls',
    port: null,
    password: null,
  })
  t.match(
    homing(
      'proxy-user',
      'set',
      'anna@example.org',
      '--pop3-port',
      '995',
      '--ssl-mode',
      'ssl',
      '--destuser',
      '',
    ),
    { code: 0 },
  )
  const pop3 = JSON.parse(homing('auth', 'lookup', 'anna@example.org', '--protocol', 'pop3', '--json').out)
  t.match(pop3.fields, { port: '995', ssl: 'yes' })
  t.notOk('destuser' in pop3.fields)
  t.notMatch(homing('local-user', 'show', 'john@example.org').out, /SHA512|\$6\$/)
  t.equal(homing('local-user', 'list', 'j*').out, 'john@example.org\n')

  t.match(withInput('x', 'local-user', 'add', 'john@example.org'), {
    code: 65,
    err: /john@example\.org is there already/,
  })
  t.match(homing('proxy-user', 'add', 'x@example.org', '--host', 'two words'), { code: 65, err: /--host/ })
  t.match(homing('proxy-user', 'add', 'x@example.org', '--host', 'b', '--port', '0'), {
    code: 65,
    err: /no port/,
  })
  t.match(homing('proxy-user', 'add', 'x@example.org'), { code: 64, err: /needs --host/ })
  t.match(withInput('x', 'local-user', 'add', "o'brien@example.org"), {
    code: 65,
    err: /can be no user.*0x27/,
  })
  t.match(homing('local-user', 'set', 'nobody@example.org', '--active', 'no'), { code: 67 })
  t.match(withInput('x', 'local-user', 'add', 'gone@example.org'), { code: 0 })
  t.match(homing('local-user', 'delete', 'gone@example.org'), { code: 0, out: 'deleted gone@example.org\n' })
  t.match(homing('local-user', 'delete', 'gone@example.org'), { code: 67 })
})

t.test('a hash that was made elsewhere is taken as it is, and one that cannot work is refused', async t => {
  const hash = withInput('moved', 'pw', '-s', 'SHA512-CRYPT').out.trim()
  t.match(homing('local-user', 'add', 'moved@example.org', '--password-hash', hash), { code: 0 })
  t.match(withInput('moved', 'auth', 'test', 'moved@example.org'), { code: 0 })
  t.match(withInput('moved', 'pw', '-t', hash), { code: 0, out: `${hash} (verified)\n` })
  t.match(withInput('other', 'pw', '-t', hash), { code: 77, err: /not the one of this hash/ })
  const bad = (text: string) => homing('local-user', 'set', 'moved@example.org', '--password-hash', text)
  t.match(bad('$6$salt$hash'), { code: 65, err: /has no \{SCHEME\}/ })
  t.match(bad('{SHA-9000}x'), { code: 65, err: /cannot be used/ })
  // Of a known scheme, and yet nothing that any login could be compared with.
  for (const text of [
    hash.slice(0, 60),
    '{BLF-CRYPT}$2y$10$short',
    '{PBKDF2}x',
    '{SCRAM-SHA-256}x',
    '{ARGON2ID}$argon2id$v=19$m=65536',
  ]) {
    t.match(bad(text), { code: 65, err: /the hash cannot be used: / }, text)
  }
  t.match(withInput('moved', 'auth', 'test', 'moved@example.org'), { code: 0 })
  t.match(bad('{CRYPT}*'), { code: 0 }, 'what locks an account is no mistake')
})

t.test('an empty name flushes nobody', async t => {
  t.match(homing('cache', 'flush', ''), { code: 64, out: '', err: /a name is empty/ })
  t.match(homing('cache', 'flush', 'anna@example.org', ''), { code: 64, err: /a name is empty/ })
  t.match(homing('cache', 'flush'), { code: 0 })
})

t.test(
  'a password comes by stdin or a file descriptor, with or without a line break, and never by argv',
  async t => {
    const test = ['auth', 'test', 'john@example.org']
    t.equal(withInput('s3cret', ...test).code, 0)
    t.equal(withInput('s3cret\r\n', ...test).code, 0)
    t.equal(withInput(' s3cret', ...test).code, 77, 'a space belongs to the password')
    t.match(withInput('', ...test), { code: 65, err: /the password is empty/ })
    writeFileSync(join(folder, 'password'), 's3cret\n')
    const shell = (script: string) =>
      spawnSync('sh', ['-c', script], { cwd: folder, env: environment(), encoding: 'utf8' })
    const command = `'${process.execPath}' '${program}' auth test john@example.org`
    t.equal(shell(`${command} --password-fd 5 5<password`).status, 0)
    t.match(shell(`${command} --password-fd 9`), { status: 65, stderr: /file descriptor 9/ })
    for (const args of [['--password', 's3cret'], ['--password=s3cret'], ['s3cret']]) {
      const { code, out, err } = homing(...test, ...args)
      t.equal(code, 64)
      t.match(err, /everybody on this machine can read a command line/)
      t.notMatch(out + err, /s3cret/)
    }
  },
)

const hasScript = spawnSync('script', ['--version']).status === 0

t.test(
  'at a terminal the password is asked for and not shown',
  { skip: skipWithout('script', hasScript, 'needs script(1), of util-linux') },
  async t => {
    const command = `'${process.execPath}' '${program}' auth test john@example.org`
    const { output, code } = await atTerminal(command, [['Password: ', 's3crex\x7ft\r']])
    t.equal(code, 0)
    t.match(output, /auth succeeded/)
    t.notMatch(output, /s3cre/)
    t.match(output, '\x1b[32m', 'a person gets colours')
    const twice = `'${process.execPath}' '${program}' pw -s PLAIN`
    t.match(
      await atTerminal(twice, [
        ['Password: ', 'a\r'],
        ['again: ', 'b\r'],
      ]),
      { code: 65, output: /not the same/ },
    )
    t.match(
      await atTerminal(twice, [
        ['Password: ', 'a\r'],
        ['again: ', 'a\r'],
      ]),
      { code: 0, output: /\{PLAIN\}a/ },
    )
    t.match(await atTerminal(twice, [['Password: ', 'a\x03']]), { code: 130 })
    const { output: plain } = await atTerminal(`NO_COLOR=1 ${command}`, [['Password: ', 's3cret\r']])
    t.notMatch(plain, '\x1b[32m')
  },
)

/** Types each answer when its question has appeared. */
async function atTerminal(command: string, dialogue: readonly (readonly [string, string])[]) {
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: folder,
    env: environment({ TERM: 'xterm' }),
  })
  running.add(child)
  let output = ''
  const left = [...dialogue]
  child.stdout.on('data', chunk => {
    output += chunk
    const [question, answer] = left[0] ?? []
    if (question !== undefined && output.endsWith(question)) {
      left.shift()
      child.stdin.write(answer)
    }
  })
  const [code] = await once(child, 'close')
  running.delete(child)
  return { output, code }
}

t.test('config check names every mistake, config dump loads again', async t => {
  const file = join(folder, 'bad.toml')
  writeFileSync(file, 'listne = "x"\nauth_hash_timeout = 5\nlisten = "0.0.0.0:8080"\n')
  const { code, err } = homing('config', 'check', '--config', file)
  t.equal(code, 78)
  t.match(err, /listne: unknown setting .*did you mean listen/)
  t.match(err, /auth_hash_timeout: the time "5" has no unit \(right: "5 secs"/)
  t.match(err, /listen: 0\.0\.0\.0:8080 is open to other machines.*HOMING_API_TOKEN_FILE/)
  t.equal(JSON.parse(homing('config', 'check', '--config', file, '--json').out).problems.length, 3)
  t.match(homing('serve', '--config', file), { code: 78, out: '', err: /the configuration has mistakes/ })
  t.match(homing('config', 'check', '--set', 'passdb=[{driver="sql",table="users"}]'), {
    code: 78,
    err: /columns/,
  })

  t.match(homing('config', 'check'), { code: 0, out: 'the configuration is good\n' })
  t.equal(homing('config', 'dump', '--non-default').out, '')
  const dump = run(['config', 'dump'], { env: { HOMING_LISTEN: '[::1]:9', HOMING_API_TOKEN: 's3cret' } }).out
  t.notMatch(dump, /s3cret/)
  const again = join(folder, 'again.toml')
  writeFileSync(again, dump)
  t.match(homing('config', 'dump', '-n', '--config', again), { code: 0, out: 'listen = [ "[::1]:9" ]\n' })
})

t.test('config check looks at the rows: any-cert, and what cannot work', async t => {
  const database = ['--set', `database_url=sqlite:${join(folder, 'rows', 'homing.db')}`]
  t.match(homing('config', 'check', ...database), { code: 0, err: '' })
  t.notOk(existsSync(join(folder, 'rows')), 'a check makes no database')
  homing('proxy-user', 'add', 'lax@example.org', '--host', 'b.example.org', '--any-cert', 'yes', ...database)
  homing(
    'proxy-user',
    'add',
    'odd@example.org',
    '--host',
    'b.example.org',
    '--ssl-mode',
    'ssl',
    '--port',
    '143',
    ...database,
  )
  const { code, out, err } = homing('config', 'check', ...database)
  t.match({ code, out }, { code: 0, out: 'the configuration is good, with 2 warnings\n' })
  t.match(
    err,
    /^warning: sqlite:.*: proxy_users lax@example\.org: any_cert is set: this backend is sent passwords/m,
  )
  t.match(err, /^warning: sqlite:.*: proxy_users odd@example\.org: ssl_mode is ssl, but port 143/m)
  const down = homing('config', 'check', '--set', 'database_url=mysql://homing@127.0.0.1:1/mail')
  t.match(down, { code: 0, err: /the rows could not be looked at: .*ECONNREFUSED/ })
})

t.test('every default is one that the program accepts', async t => {
  t.match(homing('config', 'check', '--json'), { code: 0, out: '{"problems":[],"warnings":[]}\n' })
})

t.test('migrate says what it would do, does it, and has nothing more to do', async t => {
  const database = ['--set', `database_url=sqlite:${join(folder, 'new', 'homing.db')}`]
  t.match(homing('migrate', '--dry-run', ...database), {
    code: 0,
    out: /would do\n {2}create table proxy_users/,
  })
  t.notOk(existsSync(join(folder, 'new', 'homing.db')))
  t.match(homing('migrate', ...database), { code: 0, out: /: done\n {2}create table proxy_users/ })
  t.match(homing('migrate', ...database), { code: 0, out: /is at this version\n$/ })
  t.match(JSON.parse(homing('migrate', '--json', ...database).out), [{ steps: [], problems: [] }])
})

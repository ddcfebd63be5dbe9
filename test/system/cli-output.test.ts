// What the commands print, where it goes: readers that leave, full disks, terminals.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import t from 'tap'
import { commandLine } from './command-line.js'

const { folder, program, homing, environment } = commandLine(t)
const command = (words: string): string => `'${process.execPath}' '${program}' ${words}`

function shell(line: string) {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
    cwd: folder,
    env: environment(),
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

t.test('a reader that goes away changes nothing of what a command does', async t => {
  const csv = join(folder, 'gone.csv')
  // More refusals than a pipe holds.
  const lines = Array.from({ length: 12_000 }, (_, i) => `gone${i}@example.org,${i % 2 ? 'h' : 'no host!'}`)
  writeFileSync(csv, ['user,host', ...lines, ''].join('\n'))
  const readBy = (reader: string, words: string) => {
    const line = `{ printf x | ${command(words)}; echo "code $?" >&2; } | ${reader}`
    const { stdout, stderr } = shell(line)
    return { stdout, stderr }
  }
  t.match(readBy('head -n 1', `proxy-user import '${csv}'`), { stderr: /^code 65\n$/ })
  t.equal(homing('proxy-user', 'list', 'gone*').out.split('\n').length - 1, 6000, 'the whole file is stored')
  const first = { stdout: 'gone10001@example.org\n', stderr: 'code 0\n' }
  t.same(readBy('head -n 1', "proxy-user list 'gone*'"), first, 'a listing ends')
  t.same(readBy('head -n 1', "user 'gone*'"), first)
  t.same(readBy('true', 'auth test nobody@example.org'), { stdout: '', stderr: 'code 67\n' })
})

t.test('what a terminal obeys is shown and not done', async t => {
  const path = join(folder, 'names.db')
  const named = (...args: string[]) => homing(...args, '--set', `database_url=sqlite:${path}`)
  named('migrate')
  const name = '\u001b[31mred@example.org'
  const rows = new Database(path)
  rows.prepare('insert into proxy_users (username, host) values (?, ?)').run([name, 'h'])
  rows.prepare('insert into proxy_users (username, host) values (?, ?)').run(['a\nroot@example.org', 'h'])
  rows
    .prepare("insert into local_users (username, password, home) values ('john', '{PLAIN}x', ?)")
    .run(['/h\nuid  0'])
  rows.close()
  const listed = '\ufffd[31mred@example.org\na\ufffdroot@example.org\n'
  t.equal(named('proxy-user', 'list').out, listed)
  t.equal(named('user', '*').out, `john\n${listed}`)
  t.equal(
    named('proxy-user', 'list', '*red*', '--json').out,
    `${JSON.stringify(name)}\n`,
    'a program gets the name',
  )
  t.match(named('local-user', 'show', 'john').out, /^home +\/h\ufffduid {2}0$/m)
  for (const words of [['migrate'], ['config', 'check'], ['proxy-user', 'show', name]]) {
    const { out, err } = named(...words)
    t.match(out + err, /\ufffd\[31mred@example\.org/, words.join(' '))
    t.notMatch(out + err, '\u001b')
  }
})

t.test('a disk that is full is said in one sentence', async t => {
  const said = { status: 69, stdout: '', stderr: 'homing: the output cannot be written: ENOSPC\n' }
  for (const words of ["proxy-user list 'gone*'", 'config dump', '--help', 'config dump --json -o nothing=1'])
    t.same(shell(`${command(words)} > /dev/full`), said, words)
})

t.test('a reader that goes away early is no error', async t => {
  const { status, stderr } = shell(`${command('config dump')} | head -n 1`)
  t.same({ status, stderr }, { status: 0, stderr: '' })
})

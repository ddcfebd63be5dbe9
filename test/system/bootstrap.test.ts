// A fresh clone becomes a running program, and installs and builds only what changed: bootstrap.mjs with an npm and a
// compiler that write down what they were asked.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const bootstrap = join(process.cwd(), 'src', 'bootstrap.mjs')

const lock = {
  packages: {
    '': { name: 'sample' },
    'node_modules/typescript': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/for-another-platform': { version: '1.0.0', integrity: 'sha512-b', optional: true },
  },
}

/** What `npm ci` leaves behind: the packages, and a note of what was installed. */
const fakeNpm = `
  const fs = require('node:fs')
  fs.appendFileSync('calls', 'npm ' + process.argv.slice(2).join(' ') + '\\n')
  if (process.env.NPM_FAILS) { console.error('npm error network'); process.exit(1) }
  fs.rmSync('node_modules', { recursive: true, force: true })
  fs.mkdirSync('node_modules/typescript/bin', { recursive: true })
  fs.copyFileSync('fake-tsc', 'node_modules/typescript/bin/tsc')
  const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'))
  delete packages['']
  delete packages['node_modules/for-another-platform']
  fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }))
`

const fakeTsc = `
  const fs = require('node:fs')
  fs.appendFileSync('calls', 'tsc\\n')
  if (process.env.TSC_FAILS) { console.log('src/cli/homing.ts(1,1): error TS1: no'); process.exit(2) }
  for (const name of ['homing', 'old'].filter(name => fs.existsSync('src/cli/' + name + '.ts'))) {
    fs.mkdirSync('build/src/cli', { recursive: true })
    fs.copyFileSync('src/cli/' + name + '.ts', 'build/src/cli/' + name + '.js')
  }
`

const folder = t.testdir({
  'package.json': JSON.stringify({ type: 'module', engines: { node: '>=20.20' } }),
  'package-lock.json': JSON.stringify(lock),
  'tsconfig.json': '{}',
  'npm-cli.cjs': fakeNpm,
  'fake-tsc': fakeTsc,
  src: {
    cli: {
      'homing.ts': "console.log('homing ' + process.argv.slice(2).join(' '))",
      'old.ts': 'console.log(1)',
    },
  },
})
cpSync(bootstrap, join(folder, 'src', 'bootstrap.mjs'))
writeFileSync(join(folder, 'fake-tsc'), fakeTsc)

function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  rmSync(join(folder, 'calls'), { force: true })
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/bootstrap.mjs', ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, npm_execpath: join(folder, 'npm-cli.cjs'), ...environment },
    encoding: 'utf8',
  })
  const calls = existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8') : ''
  return { code: status, out: stdout, err: stderr, calls: calls.split('\n').filter(line => line !== '') }
}

const NPM_CI = 'npm ci --include=dev --no-audit --no-fund --loglevel=error'

t.test('the first start installs and builds, the second does neither', async t => {
  const first = run(['serve', '--demo'])
  t.match(first, { code: 0, out: 'homing serve --demo\n', calls: [NPM_CI, 'tsc'] })
  t.equal(first.err, 'Installing packages (once) …\nBuilding …\n')
  t.match(run(['serve']), { code: 0, out: 'homing serve\n', err: '', calls: [] })
})

t.test('a changed source is built, and what was built of a source that is gone goes with it', async t => {
  const source = join(folder, 'src', 'cli', 'homing.ts')
  utimesSync(source, new Date(), new Date(Date.now() + 5000))
  t.same(run(['serve']).calls, ['tsc'])
  t.same(run(['serve']).calls, [])
  t.ok(existsSync(join(folder, 'build', 'src', 'cli', 'old.js')))
  rmSync(join(folder, 'src', 'cli', 'old.ts'))
  t.same(run(['serve']).calls, ['tsc'])
  t.notOk(existsSync(join(folder, 'build', 'src', 'cli', 'old.js')))
})

t.test('other packages in the lock file, or a package that was deleted, are installed', async t => {
  const packages = {
    ...lock.packages,
    'node_modules/typescript': { version: '1.0.1', integrity: 'sha512-c' },
  }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages }))
  t.same(run(['serve']).calls, [NPM_CI, 'tsc'])
  t.same(run(['serve']).calls, [])
  rmSync(join(folder, 'node_modules', 'typescript'), { recursive: true })
  t.same(run(['serve']).calls, [NPM_CI])
})

t.test('any command of the program can be run, and its exit code is kept', async t => {
  t.match(run(['homing', 'config', 'check']), { code: 0, out: 'homing config check\n' })
  writeFileSync(join(folder, 'src', 'cli', 'homing.ts'), 'process.exitCode = 78')
  t.match(run(['homing', 'config', 'check']), { code: 78 })
})

t.test('what goes wrong is one sentence', async t => {
  rmSync(join(folder, 'node_modules'), { recursive: true })
  t.match(run(['serve'], { NPM_FAILS: '1' }), {
    code: 1,
    out: '',
    err: /npm error network\nhoming: npm ci failed \(exit 1\)/,
  })
  writeFileSync(join(folder, 'src', 'cli', 'new.ts'), '')
  t.match(run(['serve'], { TSC_FAILS: '1' }), {
    code: 1,
    out: '',
    err: /error TS1: no\nhoming: the build failed/,
  })
  t.match(run(['srve']), {
    code: 1,
    err: /^homing: unknown task "srve"; there are serve, homing, test, check, faults, soak, bench\n$/,
  })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', engines: { node: '>=99.1' } }))
  t.match(run(['serve']), {
    code: 1,
    calls: [],
    err: /^homing: Homing needs Node 99\.1 or later, and this is \d+/,
  })
})

t.test('a build that fails and a lint that fails are a failed test run, with a closing line', async t => {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', engines: { node: '>=20' } }))
  t.match(run(['test'], { TSC_FAILS: '1' }), { code: 1, out: /\n0 passed, 1 failed, 0 skipped\n$/ })
  mkdirSync(join(folder, 'node_modules', '@biomejs', 'biome', 'bin'), { recursive: true })
  writeFileSync(join(folder, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'), 'process.exit(1)')
  t.match(run(['test']), { code: 1, out: /\n0 passed, 1 failed, 0 skipped\n$/ })
})

const fakeTap = `
  import fs from 'node:fs'
  const output = process.argv.find(arg => arg.startsWith('--output-file='))?.slice('--output-file='.length)
  if (output) fs.writeFileSync(output, process.env.TAP_SAYS)
  process.exit(Number(process.env.TAP_EXITS))
`

t.test("the closing line has tap's counts, and the exit code is tap's", async t => {
  writeFileSync(join(folder, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'), '')
  mkdirSync(join(folder, 'node_modules', 'tap', 'dist', 'esm'), { recursive: true })
  writeFileSync(join(folder, 'node_modules', 'tap', 'dist', 'esm', 'run.mjs'), fakeTap)
  mkdirSync(join(folder, 'build', 'test'), { recursive: true })
  const test = (report: string, exits: number) =>
    run(['test'], { TAP_SAYS: report, TAP_EXITS: String(exits) })

  t.match(test('# { total: 12, pass: 12 }\n# time=1ms\n', 0), {
    code: 0,
    out: /\n12 passed, 0 failed, 0 skipped\n$/,
  })
  const failed = test(
    '    not ok 1 - x is y\n      ---\n      diff: -x +y\n      ...\n# { total: 7, pass: 3, fail: 1, todo: 1, skip: 2 }\n',
    1,
  )
  t.match(failed, { code: 1, out: /not ok: x is y\n {2}diff: -x \+y\n\n3 passed, 1 failed, 3 skipped\n$/ })
  t.match(test('Bail out!\n', 1), { code: 1, out: /\n0 passed, 1 failed, 0 skipped\n$/ })
  t.match(test('# { total: 1, pass: 1 }\n', 9), { code: 9, out: /\n1 passed, 0 failed, 0 skipped\n$/ })
})

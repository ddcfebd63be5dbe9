// What `npm start`, `npm test`, `npm run check` and `npm run bench` run: a fresh clone becomes a running program.
// Plain Node without packages, because it runs before there are any. It installs and builds only what changed.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const within = (...names) => join(root, ...names)

const tasks = { serve: start, homing, test, check, faults, soak, bench }

/** Ends the program with one sentence instead of a stack trace. */
class Stop extends Error {}

// ---- The tasks -------------------------------------------------------------------------------------------------

/** `npm start [-- options of homing serve]` */
function start(args) {
  return homing(['serve', ...args])
}

/** `npm run homing -- COMMAND`: any command of the program, in this process, so that signals reach it. */
async function homing(args) {
  install()
  build()
  const program = within('build', 'src', 'cli', 'homing.js')
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
}

/** `npm test`: everything, and last a line of counts. */
function test() {
  const runs = prepareTests()
    ? [runTap(testFolders()), ...timingFolder().map(folder => runTap([folder], ['--jobs=1']))]
    : [{ passed: 0, failed: 1, skipped: 0, status: 1 }]
  const sum = count => runs.reduce((total, run) => total + run[count], 0)
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
  process.exitCode = sum('failed') > 0 ? 1 : (runs.find(({ status }) => status !== 0)?.status ?? 0)
}

/** What measures times comes after everything else, one file at a time: next to others it would measure those. */
const timing = 'timing'

function timingFolder() {
  const folder = `build/test/${timing}`
  return existsSync(within(folder)) ? [folder] : []
}

/** Those whose last files are short come last: then nobody waits for a single long one at the end. */
const order = ['architecture', 'unit', 'service', 'conformance', 'system']

/** Every folder of tests, the known ones in that order. */
function testFolders() {
  const folders = readdirSync(within('build', 'test'), { withFileTypes: true })
    .filter(entry => entry.isDirectory() && entry.name !== timing)
    .map(({ name }) => name)
  const place = name => (order.includes(name) ? order.indexOf(name) : order.length)
  return folders.sort((a, b) => place(a) - place(b)).map(name => `build/test/${name}`)
}

function prepareTests() {
  install()
  const parts = within('test', 'install-parts.mjs')
  // What could not be installed is skipped by name in the tests, or fails there when it is required.
  if (existsSync(parts)) run(process.execPath, [parts])
  return typeCheckAndLint()
}

/** Folders of test/ that need more than Node. */
const apart = ['system', 'faults', 'bench', timing]

/** `npm run check`: all that needs neither network nor other programs. */
function check() {
  install()
  const clean = typeCheckAndLint()
  const folders = clean ? readdirSync(within('build', 'test')).filter(name => !apart.includes(name)) : []
  const counts = clean ? runTap(folders.map(name => `build/test/${name}`)) : undefined
  if (counts) console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  process.exitCode = counts?.status ?? 1
}

/** `npm run bench -- [NAME [options]]`; without a name the main one, logins. */
async function bench([name = 'login', ...args]) {
  install()
  build()
  const folder = within('build', 'test', 'bench')
  const known = existsSync(folder)
    ? readdirSync(folder)
        .filter(file => file.endsWith('.bench.js'))
        .map(file => file.slice(0, -'.bench.js'.length))
    : []
  if (!known.includes(name)) {
    throw new Stop(`npm run bench -- NAME, where NAME is one of: ${known.join(', ') || '(none yet)'}`)
  }
  const program = join(folder, `${name}.bench.js`)
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
}

/** `npm run test:faults -- [T02 …]`: the long form, which breaks everything once. */
function faults(args) {
  return prepared('faults', 'run.js', args)
}

/** `npm run test:soak -- --minutes N`: faults at random, and a look at memory and descriptors. */
function soak(args) {
  return prepared('faults', 'soak.js', args)
}

/** A program of the tests that needs what they need. */
async function prepared(folder, file, args) {
  install()
  run(process.execPath, [within('test', 'install-parts.mjs')])
  build()
  const program = within('build', 'test', folder, file)
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
}

// ---- Node and packages -----------------------------------------------------------------------------------------

function checkNode() {
  const wanted = readJson('package.json')
    .engines.node.replace(/[^0-9.]/g, '')
    .split('.')
    .map(Number)
  const have = process.versions.node.split('.').map(Number)
  const older = have[0] < wanted[0] || (have[0] === wanted[0] && have[1] < (wanted[1] || 0))
  if (older) {
    throw new Stop(
      `Homing needs Node ${wanted.join('.')} or later, and this is ${process.versions.node}. ` +
        'Install a newer one (https://nodejs.org/en/download), or run: npx -p node@24 npm start',
    )
  }
}

/** Makes node_modules what package-lock.json says; does nothing when it is so already. */
function install() {
  const wrong = whatIsNotInstalled()
  if (wrong === undefined) return
  const link = lstatSync(within('node_modules'), { throwIfNoEntry: false })
  if (link?.isSymbolicLink()) {
    say(`node_modules is a link, and ${wrong} there; it is left as it is`)
    return
  }
  say('Installing packages (once) …')
  // Also where NODE_ENV=production: the compiler is one of the packages.
  const npm = npmCommand()
  const args = [...npm.args, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const status = run(npm.command, args, { stdio: ['ignore', 2, 2] })
  if (status !== 0) {
    throw new Stop(
      `npm ci failed (exit ${status}); its messages are above. It needs the network, or npm's cache, ` +
        'and leave to write to node_modules. Try again with: npm ci',
    )
  }
}

/** npm itself when it started us, since another npm may not be in the path. */
function npmCommand() {
  const file = process.env.npm_execpath
  if (file && /^npm-cli\.c?js$/.test(basename(file))) return { command: process.execPath, args: [file] }
  return { command: 'npm', args: [] }
}

/**
 * The first difference between package-lock.json and what npm noted when it last finished an installation
 * (node_modules/.package-lock.json). Packages for other platforms are optional and may be missing.
 */
function whatIsNotInstalled() {
  const note = within('node_modules', '.package-lock.json')
  if (!existsSync(note)) return 'nothing is installed'
  const wanted = readJson('package-lock.json').packages
  const installed = readJson('node_modules/.package-lock.json').packages
  for (const [path, { version, integrity, optional }] of Object.entries(wanted)) {
    if (path === '') continue
    const found = installed[path]
    if (!found && optional) continue
    if (!found || !existsSync(within(path))) return `${path} is missing`
    if (found.version !== version || found.integrity !== integrity) return `${path} is not the wanted version`
  }
  const odd = Object.keys(installed).find(path => !wanted[path])
  return odd && `${odd} is not wanted`
}

// ---- Build -----------------------------------------------------------------------------------------------------

/** Compiles when a source changed since the last time. */
function build() {
  const sources = ['src', 'migrations', 'test'].flatMap(findSources)
  const inputs = [...sources, within('tsconfig.json'), within('package-lock.json')]
  const stamp = createHash('sha256').update(inputs.map(describeFile).join('\n')).digest('hex')
  const stampFile = within('build', '.stamp.json')
  const last = existsSync(stampFile) ? readJson('build/.stamp.json') : { sources: [] }
  if (last.stamp === stamp) return

  // What was compiled from a source that is gone must not be run or tested any more.
  const paths = sources.map(path => path.slice(root.length + 1))
  if (last.sources.some(path => !paths.includes(path)))
    rmSync(within('build'), { recursive: true, force: true })
  say('Building …')
  const status = run(process.execPath, [within('node_modules', 'typescript', 'bin', 'tsc')], {
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Stop('the build failed; the messages of the compiler are above')
  mkdirSync(within('build'), { recursive: true })
  writeFileSync(stampFile, JSON.stringify({ stamp, sources: paths }))
}

function findSources(folder) {
  if (!existsSync(within(folder))) return []
  const names = readdirSync(within(folder), { recursive: true })
  return names
    .filter(name => name.endsWith('.ts'))
    .sort()
    .map(name => within(folder, name))
}

function describeFile(path) {
  const { mtimeMs, size } = statSync(path)
  return `${path} ${mtimeMs} ${size}`
}

// ---- Tests -----------------------------------------------------------------------------------------------------

function typeCheckAndLint() {
  try {
    build()
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    say(error.message)
    return false
  }
  const biome = within('node_modules', '@biomejs', 'biome', 'bin', 'biome')
  return run(process.execPath, [biome, 'check', '.']) === 0
}

/** Runs the test files below the given folders and counts as tap counts. A run without counts is a failure. */
function runTap(folders, options = []) {
  const tap = within('node_modules', 'tap', 'dist', 'esm', 'run.mjs')
  // tap puts its plugins together once for a choice of plugins; .taprc makes that choice.
  if (!existsSync(within('.tap', 'plugins')))
    run(process.execPath, [tap, 'build'], { stdio: ['ignore', 'ignore', 2] })

  const output = within('build', 'test.tap')
  rmSync(output, { force: true })
  const plain = process.stdout.isTTY ? [] : ['--no-color']
  // With CI set, the report is printed once and not redrawn in place.
  const env = process.stdout.isTTY ? process.env : { ...process.env, CI: process.env.CI || 'true' }
  const args = [
    tap,
    '--reporter=base',
    ...plain,
    `--output-file=${output}`,
    ...options,
    ...folders.flatMap(findTests),
  ]
  const status = run(process.execPath, args, { env })

  const report = existsSync(output) ? readFileSync(output, 'utf8') : ''
  if (status !== 0 && !process.stdout.isTTY) console.log(failuresIn(report))
  const counts = countsIn(report)
  return counts ? { ...counts, status } : { passed: 0, failed: 1, skipped: 0, status: status || 1 }
}

function findTests(folder) {
  return readdirSync(within(folder), { recursive: true })
    .filter(name => name.endsWith('.test.js'))
    .sort()
    .map(name => join(folder, name))
}

/** The last line of this form stands at the end of tap's report: `# { total: 7, pass: 4, fail: 1, todo: 1, skip: 1 }`. */
function countsIn(report) {
  const totals = [...report.matchAll(/^# \{ (total: .*) \}$/gm)].pop()
  if (!totals) return undefined
  const count = word => Number(new RegExp(`\\b${word}: ([0-9]+)`).exec(totals[1])?.[1] ?? 0)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') }
}

/** The innermost failures with what was expected and what was found. */
function failuresIn(report) {
  const lines = report.split('\n')
  const failures = []
  for (let i = 0; i < lines.length; i++) {
    const [, indent, title] = /^( *)not ok \d+ - (.*)$/.exec(lines[i]) ?? []
    if (indent === undefined || / # (TODO|SKIP)\b/.test(title)) continue
    const end = lines.findIndex((line, at) => at > i && line === `${indent}  ...`)
    const details = lines[i + 1] === `${indent}  ---` && end > i ? lines.slice(i + 2, end) : []
    failures.push([`not ok: ${title}`, ...details.map(line => line.slice(indent.length))].join('\n'))
  }
  return failures.join('\n\n')
}

// ---- Small things ----------------------------------------------------------------------------------------------

function readJson(path) {
  return JSON.parse(readFileSync(within(path), 'utf8'))
}

/** What is not the program's own output goes to stderr. */
function say(text) {
  process.stderr.write(`${text}\n`)
}

/** Runs a program in the project's folder and waits; the exit status, or what a shell would say of a signal. */
function run(command, args, options = {}) {
  const { error, status, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (error) say(`${command}: ${error.message}`)
  return status ?? (signal ? 128 : 127)
}

const [name = '', ...args] = process.argv.slice(2)
try {
  checkNode()
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
  if (!task) throw new Stop(`unknown task "${name}"; there are ${Object.keys(tasks).join(', ')}`)
  await task(args)
} catch (error) {
  if (!(error instanceof Stop)) throw error
  say(`homing: ${error.message}`)
  process.exitCode = 1
}

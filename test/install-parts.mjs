// Gets the servers that the system tests run against: Dovecot 2.3 and 2.4, MariaDB and a few small programs.
//
// As root on Debian it installs what is missing with apt-get, and makes a folder with another Debian in it for the
// Dovecot version that this one does not have. Nothing is started. When all is there it does nothing, in well under
// a second. Elsewhere it says by name what is missing and how to get it. It always exits with 0: the tests decide
// what a missing part means (skipped by name, or failed when REQUIRE asks for it).
//
// HOMING_TEST_CACHE names the folder for the other Debian (default /var/cache/homing-test).

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const dovecotPackages = [
  'dovecot-core',
  'dovecot-imapd',
  'dovecot-pop3d',
  'dovecot-lmtpd',
  'dovecot-auth-lua',
  'dovecot-mysql',
  'lua-socket',
]
const packages = [
  ...dovecotPackages,
  'mariadb-server',
  'debootstrap',
  'openssl',
  'curl',
  'wrk',
  'redis-server',
  'haproxy',
  'nginx-light',
  'fail2ban',
  'nftables',
  'systemd',
]

/** The Debian that has this Dovecot. */
const suites = { 2.3: 'bookworm', 2.4: 'trixie' }

const cache = process.env.HOMING_TEST_CACHE || '/var/cache/homing-test'

/** Ends the program with one sentence; the tests say the rest. */
class Trouble extends Error {}

function installOnDebian() {
  installPackages(missingPackages(packages))
  unpackPromtool()
  for (const [major, suite] of Object.entries(suites)) {
    if (!hostDovecot().startsWith(`${major}.`)) makeRoot(suite)
  }
}

// ---- Packages --------------------------------------------------------------------------------------------------

function missingPackages(wanted, root = '/') {
  const admin = `--admindir=${join(root, 'var/lib/dpkg')}`
  const { stdout } = run(['dpkg-query', admin, '-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted])
  const installed = new Set(stdout.split('\n').filter(line => line.endsWith(' installed')))
  return wanted.filter(name => !installed.has(`${name} installed`))
}

function installPackages(missing) {
  if (missing.length === 0) return
  say(`Installing for the system tests (once): ${missing.join(' ')} …`)
  const apt = (...args) =>
    run(['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  apt('update')
  const { status, stderr } = startingNothing(() => apt('install', '--no-install-recommends', ...missing))
  if (status !== 0) throw new Trouble(`apt-get could not install ${missing.join(' ')} (${lastLine(stderr)})`)
}

const policyFile = '/usr/sbin/policy-rc.d'
const policyMark = '# written by the tests of Homing: installing a package starts nothing'

/** Debian's packages start what they install unless this file forbids it (invoke-rc.d(8)). */
function startingNothing(work) {
  const isOurs = existsSync(policyFile) && readFileSync(policyFile, 'utf8').includes(policyMark)
  const isForeign = existsSync(policyFile) && !isOurs
  if (!isForeign) writeFileSync(policyFile, `#!/bin/sh\n${policyMark}\nexit 101\n`, { mode: 0o755 })
  try {
    return work()
  } finally {
    if (!isForeign) rmSync(policyFile, { force: true })
  }
}

/** The package would install a whole monitoring server for the sake of one program: that is taken out of it. */
function unpackPromtool() {
  const program = join(cache, 'promtool')
  if (commandExists('promtool') || existsSync(program)) return
  say(`Getting promtool out of the package prometheus into ${cache} (once) …`)
  mkdirSync(cache, { recursive: true })
  const folder = join(cache, `prometheus.partial-${process.pid}`)
  mkdirSync(folder)
  try {
    const download = () => run(['apt-get', '-q', 'download', 'prometheus'], { cwd: folder })
    if (download().status !== 0) run(['apt-get', '-q', 'update'])
    const { status, stderr } = download()
    const file = readdirSync(folder).find(name => name.endsWith('.deb'))
    if (status !== 0 || file === undefined)
      throw new Trouble(`apt-get could not download prometheus (${lastLine(stderr)})`)
    run(['dpkg-deb', '--extract', join(folder, file), folder])
    if (!existsSync(join(folder, 'usr/bin/promtool')))
      throw new Trouble('the package prometheus has no promtool')
    renameSync(join(folder, 'usr/bin/promtool'), program)
  } finally {
    remove(folder)
  }
}

// ---- Another Debian in a folder --------------------------------------------------------------------------------

/** Makes cache/SUITE. A root is built under another name and renamed when whole: half a root is never used. */
function makeRoot(suite) {
  const root = join(cache, suite)
  const isWhole = () =>
    existsSync(join(root, 'usr/sbin/dovecot')) && missingPackages(dovecotPackages, root).length === 0
  if (isWhole()) return nameLocalhost(root)
  say(`Making a Debian ${suite} with its Dovecot in ${root} (once, a minute or two) …`)
  mkdirSync(cache, { recursive: true })
  const partial = join(cache, `${suite}.partial-${process.pid}`)
  const { status, stdout, stderr } = run(
    [
      'debootstrap',
      '--variant=minbase',
      `--include=${dovecotPackages.join(',')}`,
      suite,
      partial,
      ...aptMirror(),
    ],
    { env: { ...aptProxy(), ...process.env } },
  )
  if (status !== 0) {
    remove(partial)
    throw new Trouble(`debootstrap could not make ${root} (${lastLine(stderr || stdout)})`)
  }
  nameLocalhost(partial)
  remove(join(partial, 'var/cache/apt/archives'))
  // Whoever made it first has made the same.
  if (!isWhole()) {
    remove(root)
    renameSync(partial, root)
  }
  remove(partial)
}

/** debootstrap leaves this to whoever installs a machine. */
function nameLocalhost(root) {
  const file = join(root, 'etc/hosts')
  if (!existsSync(file)) writeFileSync(file, '127.0.0.1 localhost\n')
}

/** Never leaves the file system: debootstrap may have left /proc mounted in what it did not finish. */
function remove(folder) {
  if (existsSync(folder)) run(['rm', '-rf', '--one-file-system', folder])
}

/** Where this machine's apt gets Debian from; without an answer debootstrap uses its own default. */
function aptMirror() {
  const { status, stdout } = run([
    'apt-get',
    'indextargets',
    '--format',
    '$(ORIGIN)|$(COMPONENT)|$(REPO_URI)',
  ])
  if (status !== 0) return []
  const repositories = stdout.split('\n').map(line => line.split('|'))
  const main = repositories.find(([origin, component, uri]) => {
    return origin === 'Debian' && component === 'main' && !/security/.test(uri) && /^(https?|file):/.test(uri)
  })
  return main ? [main[2]] : []
}

/** debootstrap does not read apt's settings, wget reads these. */
function aptProxy() {
  const { status, stdout } = run(['apt-config', 'shell', 'proxy', 'Acquire::http::Proxy'])
  const proxy = status === 0 ? /^proxy='(http[^']+)'/.exec(stdout)?.[1] : undefined
  return proxy ? { http_proxy: proxy } : {}
}

// ---- Elsewhere -------------------------------------------------------------------------------------------------

function sayWhatIsMissing() {
  const major = hostDovecot().slice(0, 3)
  const missing = [
    ...Object.keys(suites)
      .filter(wanted => wanted !== major)
      .map(wanted => `Dovecot ${wanted} with its Lua module`),
    ...(commandExists('mariadbd') || commandExists('mysqld') ? [] : ['MariaDB (mariadbd)']),
    ...['openssl', 'curl', 'wrk', 'promtool'].filter(name => !commandExists(name)),
  ]
  if (missing.length === 0) return
  say(`Not here, and the tests that need it are skipped: ${missing.join(', ')}.`)
  say(
    'To get all of it, run this as root on Debian 12 or later; or install it with your own package manager.',
  )
}

// ---- Small things ----------------------------------------------------------------------------------------------

function hostDovecot() {
  return commandExists('dovecot') ? run(['dovecot', '--version']).stdout : ''
}

function commandExists(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.some(folder => existsSync(join(folder, name)))
}

function run([command, ...args], options = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  return { status: result.status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' }
}

function lastLine(text) {
  return text.trim().split('\n').at(-1) || 'no message'
}

function say(text) {
  console.error(text)
}

// ---- Now -------------------------------------------------------------------------------------------------------

try {
  if (process.getuid?.() === 0 && commandExists('apt-get')) installOnDebian()
  else sayWhatIsMissing()
} catch (error) {
  if (!(error instanceof Trouble)) throw error
  say(`${error.message}; the tests that need it are skipped, or fail when REQUIRE asks for them`)
}

// deploy/container: what the Dockerfile says, and the program run with just the files that it copies, as its user.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { programSchema } from '../../../src/config/program-schema.js'
import { freePorts } from '../../system/free-ports.js'
import { skipWithout } from '../../system/parts.js'
import { readDockerfile } from './dockerfile.js'

const root = join(import.meta.dirname, '../../../..')
const stages = readDockerfile(await readFile(join(root, 'deploy/container/Dockerfile'), 'utf8'))
const last = stages.at(-1) ?? []
const ofLast = (word: string) => last.filter(line => line.word === word).map(({ rest }) => rest)

t.test('its images are pinned, and the last one has neither compiler nor development packages', t => {
  for (const [from] of stages) t.match(from?.rest, /^(--platform=\S+ )?node:[0-9]+\.[0-9]+-bookworm-slim\b/)
  const built = ofLast('COPY').filter(rest => rest.startsWith('--from='))
  t.same(built, ['--from=packages /src/node_modules node_modules', '--from=build /src/build build'])
  const packages = stages[1]?.map(({ rest }) => rest).join('\n') ?? ''
  t.match(packages, /npm ci --omit=dev/)
  t.notMatch(packages, /FROM --platform/, 'what is in machine code is installed for the processor it runs on')
  t.end()
})

t.test('it runs as a user with a number, and asks the program itself for its health', t => {
  t.match(
    ofLast('USER')[0],
    /^[1-9][0-9]{4,}:[1-9][0-9]{4,}$/,
    'Kubernetes tells non-root from a number only',
  )
  t.match(ofLast('HEALTHCHECK')[0], /CMD \["homing", "health"\]$/)
  t.same(
    [ofLast('ENTRYPOINT'), ofLast('CMD'), ofLast('STOPSIGNAL')],
    [['["homing"]'], ['["serve"]'], ['SIGTERM']],
  )
  const variables = [...(ofLast('ENV')[0] ?? '').matchAll(/\bHOMING_([A-Z_]+)=/g)].map(
    ([, name = '']) => name,
  )
  t.same(variables, ['LISTEN', 'DATABASE_URL'])
  for (const name of variables) t.ok(name.toLowerCase() in programSchema.settings.properties, name)
  t.end()
})

t.test('what it copies is in the context that .dockerignore leaves', async t => {
  const kept = (await readFile(join(root, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter(line => line.startsWith('!'))
    .map(line => line.slice(1))
  const sources = stages
    .flat()
    .filter(({ word, rest }) => word === 'COPY' && !rest.startsWith('--from='))
    .flatMap(({ rest }) => rest.split(' ').slice(0, -1))
  for (const source of sources) {
    t.ok(await lstat(join(root, source)), source)
    t.ok(kept.includes(source.split('/')[0] ?? ''), `${source} is in .dockerignore`)
  }
})

const isRoot = process.getuid?.() === 0
const skip = skipWithout('root', isRoot, 'only root can become the image’s user')

t.test(
  'with these files alone it serves as that user, who can write nowhere but to /data',
  { skip },
  async t => {
    const folder = await mkdtemp(join(tmpdir(), 'homing-image-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    await chmod(folder, 0o755)
    await makeImage(folder)
    const [uid = ''] = ofLast('USER')[0]?.split(':') ?? []
    const data = join(folder, 'data')
    await mkdir(data)
    await writeFile(join(folder, 'token'), 'in-a-file\n', { mode: 0o400 })
    await execFileDone('chown', [`${uid}:${uid}`, data, join(folder, 'token')])

    const [port = 0] = await freePorts(1)
    const env = {
      PATH: process.env.PATH ?? '',
      NODE_ENV: 'production',
      HOMING_LISTEN: `0.0.0.0:${port}`,
      HOMING_API_TOKEN_FILE: join(folder, 'token'),
      HOMING_DATABASE_URL: `sqlite:${data}/homing.db`,
    }
    // tap writes into its own folder from every Node that it is told of, which this user may not.
    const asUser = [
      '-u',
      'NODE_OPTIONS',
      'setpriv',
      '--pdeathsig',
      'KILL',
      '--reuid',
      uid,
      '--regid',
      uid,
      '--clear-groups',
      '--bounding-set=-all',
      '--no-new-privs',
    ]
    const program = join(folder, 'app/build/src/cli/homing.js')
    const command = (...args: string[]) => [...asUser, '--', process.execPath, program, ...args]
    const child: ChildProcess = spawn('env', command('serve'), {
      cwd: join(folder, 'app'),
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', part => {
      said += part
    })
    const ended = new Promise(resolve => child.once('exit', resolve))
    t.teardown(() => child.kill('SIGKILL'))

    const run = (...args: string[]) =>
      execFileDone('env', command(...args), { env, cwd: join(folder, 'app') })
    let healthy = await run('health')
    for (let tries = 0; tries < 40 && healthy !== 'ready\n' && child.exitCode === null; tries++) {
      await sleep(200)
      healthy = await run('health')
    }
    t.equal(healthy, 'ready\n', said)
    t.match(await run('help', 'topics'), /connect-dovecot-2\.4/)
    t.match(await run('--version'), /^homing [0-9]/)
    child.kill('SIGTERM')
    await ended
    t.equal(child.exitCode, 0, said)
  },
)

/** What the last stage's COPY lines bring: /app, with the packages that are not for development only. */
async function makeImage(folder: string): Promise<void> {
  const app = join(folder, 'app')
  await mkdir(app)
  for (const rest of ofLast('COPY').filter(line => !line.startsWith('--from='))) {
    const words = rest.split(' ')
    const target = words.pop() ?? ''
    for (const source of words) {
      const to = target === './' ? join(app, source) : join(app, target)
      await mkdir(dirname(to), { recursive: true })
      await cp(join(root, source), to, { recursive: true })
    }
  }
  for (const built of ['src', 'migrations']) {
    await cp(join(root, 'build', built), join(app, 'build', built), { recursive: true })
  }
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>
  }
  const installed = await realpath(join(root, 'node_modules'))
  const wanted = Object.entries(packages).filter(
    ([path, { dev }]) => /^node_modules\/[^/]+(\/[^/]+)?$/.test(path) && !dev,
  )
  for (const [path] of wanted) {
    const name = path.slice('node_modules/'.length)
    if (!(await lstat(join(installed, name)).catch(() => undefined))) continue
    await mkdir(dirname(join(app, path)), { recursive: true })
    await cp(join(installed, name), join(app, path), { recursive: true })
  }
}

/** What it says on stdout; the end decides nothing. */
function execFileDone(file: string, args: readonly string[], options: object = {}): Promise<string> {
  return new Promise(resolve => execFile(file, args, options, (_error, out) => resolve(String(out))))
}

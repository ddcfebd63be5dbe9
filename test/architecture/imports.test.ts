// The tree stays what the architecture says: who may import whom, and which folder knows which package.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import t from 'tap'

const root = process.cwd()
const src = join(root, 'src')

const levels: Readonly<Record<string, number>> = {
  model: 0,
  password: 1,
  state: 1,
  dovecot: 1,
  database: 1,
  routing: 1,
  telemetry: 1,
  cache: 2,
  passdb: 2,
  userdb: 2,
  policy: 2,
  accounts: 2,
  auth: 3,
  protocols: 4,
  config: 5,
  'engine.ts': 6,
  service: 7,
  'service.ts': 8,
  cli: 9,
}

/** Beyond the numbers: the engine is handed its passdbs and its log, it does not fetch them. */
const authMayImport = ['model', 'password', 'cache']

/** The one thing outside src that src may import, and who may: the database's history. */
const history = { folder: '..', importer: 'database' }

const packageHomes: Readonly<Record<string, readonly string[]>> = {
  fastify: ['protocols/http'],
  kysely: ['database'],
  mysql2: ['database'],
  libsql: ['database'],
  argon2: ['password'],
  bcryptjs: ['password'],
  pino: ['telemetry'],
  'prom-client': ['telemetry'],
  'csv-parse': ['cli'],
  redis: ['state'],
  'smol-toml': ['config'],
  'close-with-grace': ['cli'],
}

interface Import {
  readonly file: string
  readonly target: string
}

const imports: readonly Import[] = sourceFiles(src).flatMap(file =>
  [
    ...readFileSync(file, 'utf8').matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\{[^}]*\}[^'"\n;]*?)?from '([^']+)'/g,
    ),
  ]
    .map(match => match[1] ?? '')
    .map(target => ({ file: relative(src, file), target })),
)

t.test('a folder imports from itself or from a lower level', async t => {
  const wrong = imports
    .filter(({ target }) => target.startsWith('.'))
    .map(({ file, target }) => ({ file, from: folderOf(file), to: folderOf(resolved(file, target)) }))
    .filter(({ from, to }) => !(to === history.folder && from === history.importer))
    .filter(({ from, to }) => from !== to && !(level(to) < level(from)))
  t.same(wrong, [])
})

t.test('every folder of src has a level', async t => {
  const unknown = readdirSync(src).filter(name => !(name in levels) && name !== 'bootstrap.mjs')
  t.same(unknown, [])
})

t.test('the engine knows the model, the passwords and the cache, and nobody else', async t => {
  const wrong = imports
    .filter(({ file, target }) => folderOf(file) === 'auth' && target.startsWith('.'))
    .filter(({ file, target }) => {
      const to = folderOf(resolved(file, target))
      return to !== 'auth' && !authMayImport.includes(to)
    })
  t.same(wrong, [])
})

t.test('each dependency is imported in one folder', async t => {
  const wrong = imports
    .filter(({ target }) => !target.startsWith('.') && !target.startsWith('node:'))
    .filter(({ file, target }) => {
      const homes = packageHomes[packageOf(target)]
      return homes !== undefined && !homes.some(home => file.startsWith(`${home}/`))
    })
  t.same(wrong, [])
})

t.test('no two files import each other, however far round', async t => {
  const edges = new Map<string, string[]>()
  for (const { file, target } of imports) {
    if (!target.startsWith('.')) continue
    edges.set(file, [...(edges.get(file) ?? []), resolved(file, target)])
  }
  t.same(cycles(edges), [])
})

t.test('no drawer: no folder or file is called after what it has no name for', async t => {
  const drawers = sourceFiles(src)
    .map(file => relative(src, file))
    .filter(file => /(^|\/)(utils?|helpers?|common|types|misc|index)(\/|\.ts$)/.test(file))
  t.same(drawers, [])
})

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sourceFiles(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

function folderOf(file: string): string {
  return file.split('/')[0] ?? ''
}

function level(folder: string): number {
  return levels[folder] ?? Number.NaN
}

function resolved(file: string, target: string): string {
  return relative(src, resolve(src, dirname(file), target)).replace(/\.js$/, '.ts')
}

function packageOf(target: string): string {
  const [scope = '', name = ''] = target.split('/')
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}

function cycles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of edges.keys()) visit(file, [])
  return found
}

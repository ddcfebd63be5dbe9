// homing help TOPIC: pages whose commands exist and whose settings are read.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commands } from '../../src/cli/cli.js'
import { helpTopics, readTopic } from '../../src/cli/help-topics.js'
import { loadConfig } from '../../src/config/load-config.js'
import { programSchema } from '../../src/config/program-schema.js'
import { createAuthority } from './certificates.js'
import { commandLine } from './command-line.js'

const { homing } = commandLine(t)
const readme = readFileSync('README.md', 'utf8')

const pages = (): readonly (readonly [string, string])[] => [
  ['README', readme],
  ...helpTopics().map(({ name }) => [name, readTopic(name)] as const),
]

t.test('every topic is listed and printed', async t => {
  const { code, out } = homing('help', 'topics')
  t.equal(code, 0)
  for (const { name, title } of helpTopics()) {
    t.match(out, new RegExp(`homing help ${name.replaceAll('.', '\\.')} +${title}\\n`))
    t.match(homing('help', name), { code: 0, out: readTopic(name), err: '' })
  }
})

t.test('an unknown topic names those there are; commands keep their help', async t => {
  t.match(homing('help', 'nonsense'), {
    code: 64,
    err: /there is no topic nonsense; there are: .*troubleshooting/,
  })
  t.match(homing('help'), { code: 0, out: /Commands/ })
  t.match(homing('help', 'local-user'), { code: 0, out: /homing local-user add USER/ })
})

t.test('every command that a page names exists', async t => {
  const names = commands.map(({ name }) => name)
  for (const [name, text] of pages()) {
    const used = text.matchAll(/(?<![/\w])homing (?:-- )?((?:[a-z][a-z-]* ?){1,2})/g)
    for (const [, words = ''] of used) {
      const typed = words.trim()
      t.ok(
        names.some(
          known => typed === known || typed.startsWith(`${known} `) || known.startsWith(`${typed} `),
        ),
        `${name}: homing ${typed}`,
      )
    }
  }
})

t.test('the commands of the README do what it says, in their order', async t => {
  const { withInput } = commandLine(t)
  const lines = [...readme.matchAll(/^npm run homing -- (.+)$/gm)].map(([, line = '']) => line.trim())
  t.ok(lines.length >= 3)
  for (const line of lines) {
    t.match(withInput('a password of the reader’s own', ...line.split(/ +/)), { code: 0, err: '' }, line)
  }
})

t.test('every piece of configuration in a page is one that the program reads', async t => {
  const folder = t.testdir({ secret: 'x' })
  const authority = await createAuthority(folder, 'pages')
  const { certFile, keyFile } = await authority.issue('homing', 'DNS:localhost', { days: 90 })
  /** What stands under /etc in a page, as it stands here. */
  const fileOf = (path: string) => {
    if (path.startsWith('/etc/homing/')) return join(folder, 'secret')
    if (path.endsWith('.key')) return keyFile
    return path.endsWith('servers.pem') ? authority.caFile : certFile
  }
  for (const [name, text] of pages()) {
    for (const [, toml = ''] of text.matchAll(/```toml\n([\s\S]*?)```/g)) {
      const file = join(folder, 'homing.toml')
      writeFileSync(
        file,
        toml.replaceAll(/"(\/etc\/[^"]*)"/g, (_, path) => JSON.stringify(fileOf(path))),
      )
      const loaded = loadConfig(programSchema, { file, environment: {} })
      t.match(loaded, { config: {} }, `${name}: ${JSON.stringify('problems' in loaded && loaded.problems)}`)
    }
  }
})

t.test('the README links every page, and nothing that is not there', async t => {
  const links = [...readme.matchAll(/\]\(([^):]+)\)/g)].map(([, path = '']) => path)
  for (const path of links) t.ok(existsSync(path), path)
  for (const { name } of helpTopics()) t.ok(links.includes(`src/cli/topics/${name}.md`), name)
})

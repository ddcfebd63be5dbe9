// What comes in from the registry is what was looked at: pinned, whole, few, and licensed to be used.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../../../..')
const read = async (name: string) => JSON.parse(await readFile(join(root, name), 'utf8'))

interface Locked {
  readonly version: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}

const manifest = await read('package.json')
const locked = Object.entries((await read('package-lock.json')).packages as Record<string, Locked>).filter(
  ([path]) => path !== '',
)
const running = locked.filter(([, { dev }]) => !dev)

t.test('every version is pinned, and every package has a checksum', async t => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    t.match(version, /^\d+\.\d+\.\d+$/, name)
  }
  const unchecked = locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))
  t.same(
    unchecked.map(([path]) => path),
    [],
  )
})

t.test(
  'none of the packages that run here has to run anything to be installed, but one that ships it built',
  async t => {
    const scripts = running.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)
    t.same(scripts, ['node_modules/argon2'])
  },
)

t.test('their licences let everybody use them', async t => {
  const free =
    /^(\(?(MIT|MIT-0|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|Python-2\.0|CC0-1\.0|WTFPL|Unlicense)( (OR|AND) )?\)?)+$/
  for (const [path, { license = 'none' }] of running) t.match(license, free, path)
})

t.test('there are not more of them than were looked at', async t => {
  t.ok(running.length <= MOST_PACKAGES, `${running.length} packages`)
})

/** Each one is code that runs where passwords are: a new one is a decision. Those for other platforms count. */
const MOST_PACKAGES = 120

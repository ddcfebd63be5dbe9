import { access, readdir } from 'node:fs/promises'
import t from 'tap'
import { passdbDrivers } from '../../../src/passdb/drivers.js'
import { userdbDrivers } from '../../../src/userdb/drivers.js'

const root = new URL('../../../../', import.meta.url)
const folders: [string, Record<string, unknown>][] = [
  ['passdb', passdbDrivers],
  ['userdb', userdbDrivers],
]

for (const [folder, drivers] of folders) {
  t.test(`every driver in src/${folder} is in its table, under the name of its file`, async t => {
    const files = (await readdir(new URL(`src/${folder}`, root))).map(file => file.replace(/\.ts$/, ''))
    for (const file of files.filter(file => file !== 'drivers')) {
      const exported = await import(new URL(`build/src/${folder}/${file}.js`, root).href)
      for (const value of Object.values(exported).filter(isDriver)) t.equal(drivers[file], value, file)
    }
    for (const name of Object.keys(drivers)) t.ok(files.includes(name), `${name} has a file of its name`)
  })

  t.test(`every driver of ${folder} runs the suite`, async t => {
    for (const name of Object.keys(drivers)) {
      await t.resolves(access(new URL(`test/conformance/${folder}/${name}.test.ts`, root)), name)
    }
  })
}

function isDriver(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'options' in value && 'open' in value
}

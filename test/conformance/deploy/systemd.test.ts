// deploy/systemd as systemd itself reads it.

import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type LoadedConfig, loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'
import { skipWithout } from '../../system/parts.js'

const root = join(import.meta.dirname, '../../../..')
const file = join(root, 'deploy/systemd/homing.service')
const unit = await readFile(file, 'utf8')
const isThere = spawnSync('systemd-analyze', ['--version']).status === 0
const skip = skipWithout('systemd', isThere, 'systemd-analyze is missing: install systemd')

/** All values of a directive, also where it stands behind a #. */
const valuesOf = (name: string): string[] =>
  [...unit.matchAll(new RegExp(`^#?${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)

t.test('systemd finds nothing to say about the unit', { skip }, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'homing-unit-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const copy = join(folder, 'homing.service')
  // Node is elsewhere on some machines, and so is the documentation.
  await writeFile(copy, unit.replaceAll('/usr/bin/node', process.execPath))
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', copy], {
    encoding: 'utf8',
  })
  t.same({ status, said: stdout + stderr }, { status: 0, said: '' })
})

t.test('its exposure is 2.0 or less', { skip }, t => {
  const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], {
    encoding: 'utf8',
  })
  const exposure = Number(/exposure level for homing\.service: ([0-9.]+)/.exec(stdout)?.[1])
  t.ok(exposure <= 2, `${exposure}`)
  t.end()
})

t.test(
  'it starts the program that is built here, and waits as long as the default settings let it take',
  t => {
    const [start = ''] = valuesOf('ExecStart')
    t.match(start, / \/opt\/homing\/build\/src\/cli\/homing\.js serve --config /)
    t.same(valuesOf('Type'), ['notify'])
    t.same(valuesOf('NotifyAccess'), ['all'], 'systemd-notify is another process')
    const stopMs = Number.parseInt(valuesOf('TimeoutStopSec')[0] ?? '', 10) * 1000
    const { shutdown_delay, shutdown_timeout } = settingsOf(loadConfig(programSchema, { environment: {} }))
    t.ok(stopMs >= shutdown_delay + shutdown_timeout + 5000, `${stopMs} ms`)
    t.end()
  },
)

t.test('the credentials that it names are secrets that the program knows', t => {
  const names = valuesOf('LoadCredential').map(value => value.split(':')[0] ?? '')
  t.ok(names.length >= 3)
  for (const name of names) t.ok(name in programSchema.settings.properties, name)
  t.end()
})

function settingsOf(loaded: LoadedConfig<typeof programSchema.settings>) {
  if ('config' in loaded) return loaded.config.settings
  throw new Error('the defaults are a configuration')
}

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { findDovecot, needs } from './parts.js'

/** Runs a test file where no server is to be found. */
function runWithoutParts(required: string) {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'auth-lua-2.4.test.js')],
    {
      encoding: 'utf8',
      env: { PATH: '/nonexistent', HOMING_TEST_CACHE: '/nonexistent', REQUIRE: required },
    },
  )
  return { status, stdout }
}

t.test('a missing part is skipped by name, with how to get it', async t => {
  t.match(runWithoutParts(''), { status: 0, stdout: /SKIP dovecot-2\.4 is missing: run .*install-parts/ })
  t.match(runWithoutParts('mariadb'), { status: 0, stdout: /SKIP dovecot-2\.4/ })
})

t.test('a missing part that is required fails', async t => {
  t.match(runWithoutParts('all'), { status: 1, stdout: /not ok .*dovecot-2\.4 is missing/ })
  t.match(runWithoutParts('mariadb,dovecot-2.4'), { status: 1 })
})

t.test('install-parts.mjs does nothing where all is there', async t => {
  if (!needs(t, 'dovecot-2.3', 'dovecot-2.4', 'mariadb')) return
  t.ok(findDovecot('dovecot-2.3'))
  const script = join(import.meta.dirname, '../../../test/install-parts.mjs')
  t.match(spawnSync(process.execPath, [script], { encoding: 'utf8' }), { status: 0, stdout: '', stderr: '' })
})

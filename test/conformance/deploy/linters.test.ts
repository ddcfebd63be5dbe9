// The files for containers as the linters of others read them: no engine is needed for that.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DCLinter } from 'dclint'
import { validate } from 'dockerfile-utils'
import t from 'tap'

const deploy = join(import.meta.dirname, '../../../../deploy')

/** One of its remarks, as far as it is shown; its own types cannot be resolved from a module. */
interface Remark {
  readonly line: number
  readonly rule: string
  readonly message: string
}

/** What is a matter of taste. `no-build-and-image`: with both, `image` names what was built. */
const taste = [
  'no-build-and-image',
  'no-quotes-in-volumes',
  'require-quotes-in-ports',
  'service-dependencies-alphabetical-order',
  'service-keys-order',
  'services-alphabetical-order',
  'top-level-properties-order',
]

t.test('compose.yaml fits the schema of Compose files', async t => {
  const rules = Object.fromEntries(taste.map(rule => [rule, 0 as const]))
  const linter = new DCLinter({ rules, quiet: true, debug: false, exclude: [] })
  const [result] = linter.lintFiles([join(deploy, 'compose/compose.yaml')], false)
  t.ok(result, 'it was read')
  t.same(
    result?.messages.map(({ line, rule, message }: Remark) => `${line} ${rule}: ${message}`),
    [],
  )
})

for (const name of ['container/Dockerfile', 'compose/dovecot.Dockerfile']) {
  t.test(`${name} is a sound Dockerfile`, async t => {
    const problems = validate(await readFile(join(deploy, name), 'utf8'))
    t.same(
      problems.map(({ range, message }) => `${range.start.line + 1}: ${message}`),
      [],
    )
  })
}

// plain-children.mjs keeps its promise: a test measures the program, and not the instruments of the test runner.

import { spawnSync } from 'node:child_process'
import t from 'tap'

t.test('a Node that a test starts has no instruments', async t => {
  const program = 'console.log(process.env.NODE_OPTIONS, process.execArgv.length)'
  for (const env of [undefined, { PATH: process.env.PATH }]) {
    const { stdout } = spawnSync(process.execPath, ['-e', program], {
      encoding: 'utf8',
      ...(env && { env }),
    })
    t.equal(stdout, 'undefined 2\n')
  }
})

import t from 'tap'
import { loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'

t.test('a deadline in which no database could answer is a mistake', async t => {
  for (const key of ['database_connect_timeout', 'database_query_timeout']) {
    const environment = { [`HOMING_${key.toUpperCase()}`]: '0' }
    const loaded = loadConfig(programSchema, { file: undefined, environment })
    t.match('problems' in loaded && loaded.problems, [
      { key, wrong: /is too little/, right: 'at least 10 msecs' },
    ])
  }
})

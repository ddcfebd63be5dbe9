import t from 'tap'
import { parseByteSize } from '../../../src/config/byte-size.js'
import type { SettingDeclaration } from '../../../src/model/setting.js'
import { parseTimeInterval } from '../../../src/model/time-interval.js'
import { defaultPasswordSettings, passwordSettings } from '../../../src/password/password-settings.js'

t.test('the defaults that are printed are the ones that count without a configuration', async t => {
  const declared = Object.entries(passwordSettings.properties).map(([name, schema]) => {
    const declaration = (schema as unknown as { homing: SettingDeclaration }).homing
    return [name, defaultOf(declaration)]
  })
  t.strictSame(Object.fromEntries(declared), defaultPasswordSettings)
})

function defaultOf({ kind, default: text }: SettingDeclaration): unknown {
  if (kind === 'time') return Object.values(parseTimeInterval(String(text)))[0]
  if (kind === 'size') return Object.values(parseByteSize(String(text)))[0]
  return text
}

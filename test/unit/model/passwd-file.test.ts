import t from 'tap'
import { type PasswdAccount, parsePasswdFile } from '../../../src/model/passwd-file.js'

const one = (line: string) => {
  const { accounts, problems } = parsePasswdFile(line)
  const [read] = [...accounts, ...problems]
  return read
}
const plain = ({ extraFields, ...rest }: PasswdAccount) => ({
  ...rest,
  extraFields: extraFields.map(([key, value]) => [key, value.source]),
})

t.test('a full line is an account', async t => {
  const line =
    'anna:{PLAIN}p:5000:vmail:Anna A:/srv/anna:/bin/false:userdb_quota_rule=*:bytes=1G nodelay allow_nets=::1'
  t.same(parsePasswdFile(line).accounts.map(plain), [
    {
      user: 'anna',
      line: 1,
      password: '{PLAIN}p',
      userdb: { uid: '5000', gid: 'vmail', home: '/srv/anna' },
      extraFields: [
        ['userdb_quota_rule', '*:bytes=1G'],
        ['nodelay', 'yes'],
        ['allow_nets', '::1'],
      ],
    },
  ])
})

t.test('a short line says less: a password and no userdb, or a name alone', async t => {
  t.match(one('anna:{PLAIN}p'), { password: '{PLAIN}p', userdb: undefined })
  t.match(one('anna:{PLAIN}p:'), { userdb: {} })
  t.match(one('anna::5000:5000::/srv/anna::'), {
    password: undefined,
    userdb: { uid: '5000', gid: '5000', home: '/srv/anna' },
    extraFields: [],
  })
  t.match(one('anna'), { user: 'anna', password: undefined, userdb: undefined })
})

t.test(
  'comments, empty lines, lines without a user and CR are passed over; lines keep their numbers',
  async t => {
    const { accounts, problems } = parsePasswdFile('# users\n\n:x\r\nanna:{PLAIN}p\r\nbob:{PLAIN}q\n')
    t.same(
      accounts.map(({ user, line, password }) => [user, line, password]),
      [
        ['anna', 4, '{PLAIN}p'],
        ['bob', 5, '{PLAIN}q'],
      ],
    )
    t.same(problems, [])
  },
)

t.test('hashes of libpam-pwdfile get the scheme that stands behind them', async t => {
  t.match(one('a:5f4dcc3b5aa765d61d8327deb882cf99[34]'), {
    password: '{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99',
  })
  t.match(one('a:rEK1ecacw.7.c[13]'), { password: '{CRYPT}rEK1ecacw.7.c' })
  t.match(one('a:0123[56]'), { password: '{DIGEST-MD5}0123' })
  t.match(one('a:{PLAIN}x[34]'), { password: '{PLAIN}x[34]' })
})

t.test('a line that cannot be believed is a problem of its user, with its number', async t => {
  const problems: [string, RegExp][] = [
    ['anna:p:0:5000', /uid or gid/],
    ['anna:p:-1:5000', /uid or gid/],
    ['anna:p:5000:a b', /uid or gid/],
    ['anna:p\0', /control character/],
    ['anna:p\ufffd', /not UTF-8/],
    ['anna:p::::::x=%{usr}', /line 1, x: "%\{usr\}" uses the unknown variable/],
  ]
  for (const [line, problem] of problems) t.match(one(line), { user: 'anna', line: 1, problem }, line)
})

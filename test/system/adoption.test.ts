// Tables made by the guide's own SQL, with rows in them, are taken over: nothing is lost, nothing is changed.

import t from 'tap'
import type { MigrationOutcome } from '../../src/database/migrate.js'
import { collect, defaultRules, lower, openFor } from '../conformance/database/test-database.js'
import { startMariadb, whyNoMariadb } from './mariadb-server.js'

/** As the guide has it, to the letter. */
const guideSchema = `
-- Proxy routing table
CREATE TABLE proxy_users (
    username VARCHAR(255) PRIMARY KEY,
    host VARCHAR(100) NOT NULL,
    port INT DEFAULT 143,
    ssl_mode ENUM('none', 'starttls', 'ssl') DEFAULT 'starttls',
    destuser VARCHAR(255),
    active TINYINT(1) DEFAULT 1,
    created TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- Backend users table
CREATE TABLE users (
    userid VARCHAR(128) NOT NULL,
    domain VARCHAR(128) NOT NULL, 
    password VARCHAR(64) NOT NULL,
    home VARCHAR(255) NOT NULL,
    uid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    masteradmin TINYINT(1) NOT NULL DEFAULT '0',
    owns_domain TINYINT(1) NOT NULL DEFAULT '0',
    UNIQUE KEY emaillookup (domain, userid)
);

-- Master users table (for proxy-to-backend authentication)
CREATE TABLE master_users (
    user_name VARCHAR(80) NOT NULL,
    domain_name VARCHAR(80) NOT NULL,
    password VARCHAR(60) DEFAULT NULL,
    masteradmin TINYINT(1) NOT NULL DEFAULT '1',
    UNIQUE KEY emaillookup (domain_name, user_name)
);

-- Insert example data
INSERT INTO proxy_users (username, host, ssl_mode) VALUES 
('user1@domain1.com', 'backend1.example.com', 'starttls'),
('user2@domain2.com', 'backend2.example.com', 'ssl');

INSERT INTO users (userid, domain, password, home, uid, gid) VALUES 
('john', 'domain1.com', '{SHA512-CRYPT}$6$salt$hash...', '/var/vmail/domain1.com/john', 5000, 5000),
('jane', 'domain2.com', '{SHA512-CRYPT}$6$salt$hash...', '/var/vmail/domain2.com/jane', 5000, 5000);
`

/** What years of use add: more rows, a table for the guide's local query, hashes that were cut when sql_mode was lax. */
const grown = `
SET SESSION sql_mode = '';
INSERT INTO proxy_users (username, host, port, ssl_mode, destuser, active) VALUES
('Capital@Domain1.com', 'backend1.example.com', 993, 'ssl', 'capital', 1),
('gone@domain1.com', 'backend1.example.com', 143, 'starttls', NULL, 0),
('nohost@domain1.com', '', 143, 'none', NULL, 1),
('noport@domain1.com', 'backend1.example.com', NULL, NULL, NULL, NULL);
CREATE TABLE local_users (
  username VARCHAR(100) NOT NULL PRIMARY KEY COMMENT 'it''s the address',
  password VARCHAR(64) COLLATE latin1_general_cs NOT NULL DEFAULT '' COMMENT 'a "hash"',
  home VARCHAR(255), uid INT, gid INT, active TINYINT(1) NOT NULL DEFAULT 1
) DEFAULT CHARSET=latin1 COMMENT='local ones';
INSERT INTO local_users VALUES
('john@domain1.com', '{SHA512-CRYPT}$6$0123456789abcdef$${'x'.repeat(86)}', '/var/vmail/john', 5000, 5000, 1),
('jörg@domain1.com', '{PLAIN}geheim', '/var/vmail/joerg', 5000, 5000, 0),
('o''brien@domain1.com', '{PLAIN}secret', NULL, NULL, NULL, 1);
INSERT INTO master_users (user_name, domain_name, password) VALUES
('proxy_master', 'domain1.com', '{SHA512}nU4eI71bcnBGqeO0t9tXvY1u5oQ='),
('root', 'domain1.com', '{SHA512-CRYPT}$6$0123456789abcdef$${'y'.repeat(86)}'),
('none', 'domain1.com', NULL);
`

/** Every column that was there before, of every row. */
const everything = {
  proxy_users:
    'select username, host, port, ssl_mode, destuser, active, created from proxy_users order by username',
  users: 'select * from users order by domain, userid',
  master_users: 'select user_name, domain_name, password, masteradmin from master_users order by user_name',
  local_users: 'select username, password, home, uid, gid, active from local_users order by username',
}

const reason = whyNoMariadb()

t.test('the guide’s tables are taken over as they stand', reason ? { skip: reason } : {}, async t => {
  const server = await startMariadb()
  t.teardown(() => server.close())
  const name = `homing_adoption_${process.pid}`
  const url = await server.createDatabase(name)
  await server.execute(guideSchema, name)
  await server.execute(grown, name)
  const read = async () =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(everything).map(
          async ([table, sql]) => [table, await server.execute(sql, name)] as const,
        ),
      ),
    )
  const ddl = async (table: string) =>
    String((await server.execute(`show create table ${table}`, name))[0]?.['Create Table'])
  const before = await read()
  const usersBefore = await ddl('users')
  const database = openFor(t, url)

  await t.test('a dry run says what would be done and does nothing', async t => {
    const tables = await Promise.all(Object.keys(everything).map(ddl))
    const planned = await database.migrate({ dryRun: true })
    t.same(stepsOnTheirs(planned), [
      'add password, pass, master, any_cert, pop3_port, lmtp_port, submission_port, sieve_port in proxy_users',
      'take the default 143 from port in proxy_users',
      'add created in local_users',
      'widen password from varchar(64) to varchar(255) in local_users',
      'widen password from varchar(60) to varchar(255) in master_users',
      'add domains, protocols, allow_nets, allow_real_nets, expires in master_users',
    ])
    t.same(await Promise.all(Object.keys(everything).map(ddl)), tables)
    t.same(await read(), before)
  })

  await t.test('no row is lost or changed', async t => {
    const outcome = await database.migrate()
    t.equal(outcome.result, 'done')
    t.same(await read(), before)
    t.same(await database.migrate(), { result: 'done', steps: [], notes: [] })
  })

  await t.test('columns keep what they had besides their width', async t => {
    const local = await ddl('local_users')
    t.match(
      local,
      /`password` varchar\(255\) CHARACTER SET latin1 COLLATE latin1_general_cs NOT NULL DEFAULT '' COMMENT 'a "hash"'/,
    )
    t.match(local, /`username` varchar\(100\) NOT NULL COMMENT 'it''s the address'/)
    t.match(local, /COMMENT='local ones'/)
    t.match(await ddl('master_users'), /`password` varchar\(255\) .*DEFAULT NULL/)
    t.match(await ddl('proxy_users'), /`port` int\(11\) DEFAULT NULL/)
    t.match(await ddl('proxy_users'), /`host` varchar\(100\) NOT NULL/)
    t.equal(await ddl('users'), usersBefore, 'the guide’s users are not ours to change')
    await server.execute(
      "set session sql_mode = 'STRICT_ALL_TABLES'; insert into proxy_users (username, host) values ('later', 'h')",
      name,
    )
    t.same(
      await server.execute(
        "select port, ssl_mode, active, password from proxy_users where username = 'later'",
        name,
      ),
      [{ port: null, ssl_mode: 'starttls', active: 1, password: null }],
    )
  })

  await t.test('what cannot work as stored is listed by user', async t => {
    const report = await collect(database.adoptionReport(defaultRules))
    const seen = report.map(({ table, user, problem }) => `${table} ${user ?? '-'} ${problem}`).sort()
    t.same(seen, [
      'local_users john@domain1.com password-cut-off',
      'local_users jörg@domain1.com unreachable-name',
      "local_users o'brien@domain1.com unreachable-name",
      'master_users proxy_master@domain1.com password-wrong-length',
      'master_users root@domain1.com password-cut-off',
      'proxy_users nohost@domain1.com empty-host',
      'proxy_users noport@domain1.com unknown-ssl-mode',
      'proxy_users user2@domain2.com ssl-on-port-143',
      'users - narrow-password-column',
      'users jane@domain2.com password-cut-off',
      'users john@domain1.com password-cut-off',
    ])
    t.notMatch(JSON.stringify(report), /\$6\$|geheim|secret|nU4e/)
  })

  await t.test('the rows are found, and more can be added', async t => {
    const proxies = database.accountTable({
      table: 'proxy_users',
      columns: { user: 'username', host: 'host', port: 'port' },
      normalise: lower,
    })
    t.match(await proxies.find('capital@domain1.com'), { found: 'one', row: { values: { port: 993 } } })
    const users = database.accountTable({
      table: 'users',
      columns: { user: 'userid', domain: 'domain', password: 'password', home: 'home' },
      normalise: lower,
    })
    t.match(await users.find('john@domain1.com'), {
      found: 'one',
      row: { values: { home: '/var/vmail/domain1.com/john' } },
    })
    const locals = database.accounts('local_users', lower, 'test')
    const hash = `{SHA512-CRYPT}$6$0123456789abcdef$${'z'.repeat(86)}`
    t.equal(await locals.set('john@domain1.com', { password: hash }), 'changed')
    t.equal(await locals.add('new@domain1.com', { password: hash }), 'added')
    t.same(
      await server.execute(
        "select password from local_users where username in ('john@domain1.com', 'new@domain1.com')",
        name,
      ),
      [{ password: hash }, { password: hash }],
    )
  })
})

t.test(
  'a table that is not what its name says, and a view, are left alone',
  reason ? { skip: reason } : {},
  async t => {
    const server = await startMariadb()
    t.teardown(() => server.close())
    const name = `homing_adoption_other_${process.pid}`
    const url = await server.createDatabase(name)
    await server.execute(
      "create table local_users (userid varchar(50), domain varchar(50), password varchar(64)); create table p (username varchar(50)); create view proxy_users as select username from p; insert into p values ('anna')",
      name,
    )
    const database = openFor(t, url)
    const outcome = await database.migrate()
    t.match(outcome, {
      result: 'done',
      notes: [/proxy_users is a view/, /local_users has no column username/],
    })
    t.same(stepsOnTheirs(outcome), [
      'create table master_users',
      'add domains, protocols, allow_nets, allow_real_nets, expires in master_users',
    ])
    t.same(await server.execute('select count(*) as n from p', name), [{ n: 1 }])
  },
)

/** Tables of our own beside theirs are another matter. */
function stepsOnTheirs(outcome: MigrationOutcome): string[] {
  const steps = 'steps' in outcome ? outcome.steps.map(({ what }) => what) : []
  return steps.filter(what => !/^create \w+ homing_/.test(what))
}

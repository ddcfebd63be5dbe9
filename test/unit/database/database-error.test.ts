import t from 'tap'
import {
  DatabaseError,
  isConnectionError,
  isServerUnfit,
  toDatabaseError,
} from '../../../src/database/database-error.js'

const driverError = (properties: object, message = 'm') => Object.assign(new Error(message), properties)
const tell = (error: unknown) =>
  toDatabaseError(error, 'find accounts in proxy_users', 'mysql://dovecot:pw@db1/mail')

t.test('an error names database, statement and code', async t => {
  const error = tell(
    driverError({ code: 'ER_NO_SUCH_TABLE', errno: 1146 }, "Table 'mail.proxy_users' doesn't exist"),
  )
  t.ok(error instanceof DatabaseError)
  t.match(error, { code: 'ER_NO_SUCH_TABLE', temporary: false, statement: 'find accounts in proxy_users' })
  t.equal(
    error.message,
    "mysql://dovecot:***@db1/mail: find accounts in proxy_users: ER_NO_SUCH_TABLE: Table 'mail.proxy_users' doesn't exist",
  )
  t.equal(tell(error), error)
})

t.test('no parameter and no SQL gets into it', async t => {
  const leaky = driverError(
    {
      code: 'ER_DUP_ENTRY',
      errno: 1062,
      sql: "insert into t values ('anna', '{PLAIN}secret')",
      sqlMessage: "Duplicate entry 'anna' for key",
    },
    "Duplicate entry 'anna' for key",
  )
  for (const error of [
    tell(leaky),
    tell(driverError({ code: 'ER_TRUNCATED_WRONG_VALUE', errno: 1366 }, "Incorrect value: 'anna' secret")),
    tell(driverError({ code: 'SQLITE_ERROR' }, 'near "anna": syntax error in secret')),
    tell(new Error('anna secret')),
    tell('anna secret'),
    tell(null),
  ]) {
    t.notMatch(JSON.stringify([error.message, error.stack, error.cause, Object.values(error)]), /anna|secret/)
  }
  t.match(
    tell(driverError({ code: 'SQLITE_CONSTRAINT_UNIQUE' }, 'UNIQUE constraint failed: t.username')).message,
    /t\.username/,
  )
})

t.test('what goes away by itself is temporary', async t => {
  for (const code of [
    'ECONNREFUSED',
    'ETIMEDOUT',
    'ECONNRESET',
    'ENOTFOUND',
    'PROTOCOL_CONNECTION_LOST',
    'ER_CON_COUNT_ERROR',
    'ER_LOCK_DEADLOCK',
    'HOMING_DATABASE_TIMEOUT',
    'SQLITE_BUSY',
    'SQLITE_FULL',
  ]) {
    t.equal(tell(driverError({ code })).temporary, true, code)
  }
  for (const code of [
    'ER_ACCESS_DENIED_ERROR',
    'ER_BAD_FIELD_ERROR',
    'ER_PARSE_ERROR',
    'SQLITE_NOTADB',
    'SQLITE_CORRUPT',
    'ER_DUP_ENTRY',
  ]) {
    t.equal(tell(driverError({ code, errno: 1 })).temporary, false, code)
  }
})

t.test('servers that turned read-only or lost their cluster are unfit', async t => {
  for (const errno of [1290, 1792, 1836, 1047]) {
    t.ok(isServerUnfit(driverError({ code: 'ER_X', errno })))
    t.ok(isConnectionError(driverError({ code: 'ER_X', errno })))
  }
  t.notOk(isServerUnfit(driverError({ code: 'ER_NO_SUCH_TABLE', errno: 1146 })))
  t.notOk(isConnectionError(driverError({ code: 'ER_NO_SUCH_TABLE', errno: 1146 })))
  t.notOk(isConnectionError(undefined))
})

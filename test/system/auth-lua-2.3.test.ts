import { testAuthLua } from './auth-lua.suite.js'

testAuthLua('2.3', "Dovecot's own client")

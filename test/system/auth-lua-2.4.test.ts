import { testAuthLua } from './auth-lua.suite.js'

testAuthLua('2.4', "Dovecot's own client")

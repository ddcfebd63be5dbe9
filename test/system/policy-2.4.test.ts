import { testPolicy } from './policy.suite.js'

testPolicy('2.4')

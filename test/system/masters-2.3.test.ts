import { testMasters } from './masters.suite.js'

testMasters('2.3', '2.4')

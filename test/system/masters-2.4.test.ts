import { testMasters } from './masters.suite.js'

testMasters('2.4', '2.4')

import { testDoors } from './doors.suite.js'

testDoors('2.3', ['dict', 'dict-verify'])

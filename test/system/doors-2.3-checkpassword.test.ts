import { testDoors } from './doors.suite.js'

testDoors('2.3', ['checkpassword', 'checkpassword-exec'])

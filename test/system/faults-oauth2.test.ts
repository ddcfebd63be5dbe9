import { testFaults } from './faults.suite.js'

testFaults([
  { major: '2.3', door: 'oauth2' },
  { major: '2.4', door: 'oauth2' },
])

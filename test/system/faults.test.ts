import { testFaults } from './faults.suite.js'

testFaults([
  { major: '2.3', door: 'lua' },
  { major: '2.4', door: 'lua' },
])

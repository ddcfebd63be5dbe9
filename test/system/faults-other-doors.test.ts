import { testFaults } from './faults.suite.js'

testFaults([
  { major: '2.3', door: 'dict' },
  { major: '2.3', door: 'dict-verify' },
  { major: '2.3', door: 'checkpassword' },
])

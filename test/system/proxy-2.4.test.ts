import { testProxy } from './proxy.suite.js'

testProxy('2.4', { backends: ['2.4', '2.3'], database: 'sqlite' })

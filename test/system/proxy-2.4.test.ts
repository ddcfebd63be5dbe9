import { testProxy } from './proxy.suite.js'

testProxy('2.4', { door: 'lua', backends: ['2.4', '2.3'], database: 'sqlite' })

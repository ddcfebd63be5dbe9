import { testProxy } from './proxy.suite.js'

testProxy('2.3', { door: 'lua', backends: ['2.4'], database: 'mariadb' })

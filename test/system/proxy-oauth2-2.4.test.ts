import { testProxy } from './proxy.suite.js'

testProxy('2.4', { door: 'oauth2', backends: ['2.4'], database: 'sqlite' })

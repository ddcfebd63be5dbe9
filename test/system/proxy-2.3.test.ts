import { testProxy } from './proxy.suite.js'

testProxy('2.3', ['2.4'])

import { balancerSuite } from './balancer.suite.js'

balancerSuite('haproxy', { asksReadyz: true, manyCallers: 4000 })

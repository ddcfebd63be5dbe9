import { balancerSuite } from './balancer.suite.js'

balancerSuite('haproxy', { asksReadyz: true })

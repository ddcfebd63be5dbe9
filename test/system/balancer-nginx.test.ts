import { balancerSuite } from './balancer.suite.js'

balancerSuite('nginx', { asksReadyz: false, manyCallers: 200 })

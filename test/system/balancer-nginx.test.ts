import { balancerSuite } from './balancer.suite.js'

balancerSuite('nginx', { asksReadyz: false })

import { testCredentialsLookup } from './credentials-lookup.suite.js'

testCredentialsLookup('2.4')

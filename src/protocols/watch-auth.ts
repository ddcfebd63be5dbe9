// The engine as one door sees it, with every verdict told of: for doors that are no HTTP listeners.

import type { Auth } from '../auth/auth.js'
import type { RequestWatch } from './services.js'

export function watchAuth(auth: Auth, door: string, watch: Pick<RequestWatch, 'answered'>): Auth {
  const told = async <T extends { readonly result: string }>(answer: Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    const outcome = await answer
    watch.answered({ door, verdict: outcome.result, seconds: (performance.now() - startedAt) / 1000 })
    return outcome
  }
  return {
    ...auth,
    authenticate: (request, password) => told(auth.authenticate(request, password)),
    lookupPassdb: request => told(auth.lookupPassdb(request)),
    lookupUserdb: request => told(auth.lookupUserdb(request)),
  }
}

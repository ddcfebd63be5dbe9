// What happens to a database, and to the network before it.

import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabases } from '../../src/database/open-database.js'
import { lower, testSettings } from '../conformance/database/test-database.js'
import type { LinkFault } from '../system/faulty-link.js'
import { follow, handOver, replicated } from '../system/replication.js'
import { all, atMost, cached, cachedGoOn, claim, type Fault, p99, recovers, share } from './fault.js'
import { descriptorsOf, type Site } from './site.js'
import { untilSettled } from './truth.js'

/** Dovecot's policy client gives up after two seconds; so much is ours. */
const BUDGET_MS = 1500

const both = ({ topology: { primary, replica } }: Site) => [primary, replica]

const atTheStart: Fault = {
  id: 'T01',
  title: 'the database is down when a copy starts',
  figure: 'start ≤ 2 s, degraded',
  lastsMs: 2000,
  inject: site => Promise.all(both(site).map(server => server.kill())),
  during: async ({ topology: { copies } }) => {
    const copy = copies[0]
    if (!copy) throw new Error('no copy')
    await copy.kill()
    const start = performance.now()
    await copy.start()
    const ms = performance.now() - start
    const { status } = (await (await fetch(`${copy.url}/readyz`)).json()) as { status: string }
    return all(atMost('starts in', ms, 2000, 'ms', 1000), claim(`says ${status}`, status === 'degraded'))
  },
  heal: async site => {
    await Promise.all(both(site).map(server => server.start()))
    // A copy that has only just started has nobody in its cache, and the next fault asks who is. What it knew before its first
    // look at the changes it has forgotten by then.
    await untilSettled()
    const [copy] = site.topology.copies
    if (copy) await site.warmUp(copy)
  },
  expect: effect => recovers(effect, 5000),
}

const dies: Fault = {
  id: 'T02',
  title: 'the database dies under load',
  figure: 'cached p99 ≤ 100 ms, well ≤ 5 s after',
  lastsMs: 4000,
  inject: site => Promise.all(both(site).map(server => server.kill())),
  heal: site => Promise.all(both(site).map(server => server.start())),
  expect: effect => all(cachedGoOn(effect, 100), recovers(effect, 5000)),
}

function slowLink(id: string, title: string, fault: LinkFault): Fault {
  return {
    id,
    title,
    figure: 'p99 ≤ 1.5 s, cached as before',
    lastsMs: 5000,
    inject: ({ topology: { links } }) => {
      links.primary.be(fault)
      links.replica.be(fault)
    },
    heal: ({ topology: { links } }) => {
      links.primary.be(undefined)
      links.replica.be(undefined)
    },
    expect: (effect, { rate }) =>
      all(
        atMost('p99', p99(effect.during), BUDGET_MS, 'ms', 300),
        cachedGoOn(effect, Math.max(20, 1.2 * p99(cached(effect.before)))),
        claim(`${Math.round((1000 * effect.during.length) / 5000)}/s of ${rate}`, effect.during.length > 0),
        recovers(effect, 5000),
      ),
  }
}

let descriptors: readonly number[] = []

/** A network that loses: what was opened because of it is closed again. */
function lossy(loss: number): Fault {
  const fault: LinkFault = { kind: 'lossy', loss, jitterMs: 200 }
  return {
    ...slowLink('T04', `packets are lost (${loss * 100} %) and late by up to 200 ms`, fault),
    figure: 'p99 ≤ 1.5 s, descriptors flat',
    inject: ({ topology: { links, copies } }) => {
      descriptors = copies.map(descriptorsOf)
      links.primary.be(fault)
      links.replica.be(fault)
    },
    expect: (effect, { topology: { copies } }) =>
      all(
        atMost('p99', p99(effect.during), BUDGET_MS, 'ms', 300),
        cachedGoOn(effect, 100),
        claim(flat(descriptors, copies.map(descriptorsOf)), isFlat(descriptors, copies.map(descriptorsOf))),
        recovers(effect, 5000),
      ),
  }
}

const halfOpen: Fault = {
  ...lossy(0),
  title: 'connections to the database are half-open: nothing comes, nothing closes',
  inject: ({ topology: { links, copies } }) => {
    descriptors = copies.map(descriptorsOf)
    links.primary.be({ kind: 'silent' })
    links.replica.be({ kind: 'silent' })
  },
}

/** The balancer keeps up to a hundred to each copy (its maxconn), and a pool has up to eight to each of two databases. */
const COMING_AND_GOING = 116
const isFlat = (before: readonly number[], after: readonly number[]) =>
  after.every((count, at) => count <= (before[at] ?? 0) + COMING_AND_GOING)
const flat = (before: readonly number[], after: readonly number[]) =>
  `descriptors ${before.join(' ')} → ${after.join(' ')}`

const restarts: Fault = {
  id: 'T05',
  title: 'the database is killed again and again while passwords are changed',
  figure: '0 acknowledged writes lost',
  lastsMs: 0,
  isWrittenDuring: true,
  inject: () => {},
  during: async ({ topology: { primary } }) => {
    for (let times = 0; times < 4; times++) {
      await sleep(700 + Math.random() * 300)
      await primary.kill()
      await primary.start()
    }
    return claim('killed 4 times', true)
  },
  heal: ({ topology: { primary } }) => primary.start(),
  expect: (effect, { admin }) =>
    all(
      claim(
        `${effect.acknowledgedDuring} writes acknowledged, ${admin.failed} told as failed`,
        effect.acknowledgedDuring > 0,
      ),
      recovers(effect, 5000),
    ),
}

/** The old primary refuses writes, the replica takes them: and back again. */
function failover(id: string, title: string, inject: (site: Site) => unknown): Fault {
  let since = 0
  return {
    id,
    title,
    figure: 'writes go on ≤ 10 s, reads never stop',
    lastsMs: 6000,
    isWrittenDuring: true,
    inject: async site => {
      since = performance.now()
      await inject(site)
    },
    heal: async ({ topology: { primary, replica }, admin }) => {
      await admin.pause()
      await follow(primary, replica)
      await handOver(replica, primary)
      await follow(replica, primary)
    },
    expect: (effect, { admin }) => {
      const next = admin.acknowledgedAt.find(at => at > since)
      return all(
        atMost('writes again after', next === undefined ? Number.POSITIVE_INFINITY : next - since, 10_000),
        claim(
          `${(100 * share(effect.during, 'temporary')).toFixed(2)} % temporary failures`,
          share(effect.during, 'temporary') === 0,
        ),
      )
    },
  }
}

const twoAdmins: Fault = {
  id: 'T09',
  title: 'two administrators change one account at the same moment, again and again',
  figure: '0 updates lost',
  lastsMs: 0,
  inject: () => {},
  during: async ({ topology }) => {
    const databases = createDatabases(testSettings)
    const accounts = databases.open(topology.databaseUrl).accounts('proxy_users', lower, 'the test')
    const user = 'w0@warm.test'
    let lost = 0
    for (let round = 1; round <= 100; round++) {
      await Promise.all([accounts.set(user, { port: round }), accounts.set(user, { pop3_port: round })])
      const account = await accounts.show(user)
      const values = typeof account === 'string' ? {} : account.values
      if (values.port !== round || values.pop3_port !== round) lost++
    }
    await accounts.set(user, { port: null as never, pop3_port: null as never })
    await databases.close()
    return claim(`${lost} of 200 lost`, lost === 0)
  },
  heal: () => {},
  expect: effect => recovers(effect, 1000),
}

const promoted = failover(
  'T06',
  'failover: the primary turns read-only (1290), the replica is the new one',
  ({ topology: { primary, replica } }) => handOver(primary, replica),
)

const replicaBehind: Fault = {
  id: 'T08',
  title: 'passwords change, the replica is behind, and the primary dies',
  figure: 'no old password is let in',
  lastsMs: 5000,
  inject: async ({ topology: { primary, replica }, admin, load }) => {
    await replica.execute('stop slave sql_thread')
    admin.goOn()
    await sleep(3000)
    await admin.pause()
    load.setRate(0)
    await primary.kill()
  },
  during: async ({ load, rate }) => {
    load.setRate(rate)
    return claim('the primary is dead', true)
  },
  heal: async ({ topology: { primary, replica } }) => {
    await primary.start()
    await replica.execute('start slave sql_thread')
    await replicated(primary, replica)
  },
  expect: effect => {
    const changing = effect.during.filter(({ group }) => group === 'changing')
    return all(
      claim(
        `${changing.length} logins of changed users, ${(100 * share(changing, 'temporary')).toFixed(0)} % told to try again`,
        changing.length > 0,
      ),
      recovers(effect, 5000),
    )
  },
}

export const databaseFaults: readonly Fault[] = [
  atTheStart,
  dies,
  slowLink('T03', 'the database is 100 ms slow', { kind: 'slow', delayMs: 100 }),
  slowLink('T03', 'the database is 1 s slow', { kind: 'slow', delayMs: 1000 }),
  slowLink('T03', 'the database is 10 s slow', { kind: 'slow', delayMs: 10_000 }),
  slowLink('T03', 'answers stop in the middle of a row', { kind: 'stalls', afterBytes: 700 }),
  lossy(0.01),
  lossy(0.05),
  lossy(0.3),
  halfOpen,
  restarts,
  promoted,
  replicaBehind,
  twoAdmins,
]

// The short form of `npm run bench -- hash-load`: busy hash threads hold up nobody else, and an overload passes.
// What else the machine does spoils times, so each figure has three tries, and is compared within its own run.

import t, { type Test } from 'tap'
import { measureNeighbours, measureOverload, measureWhoExists, startSite } from '../bench/hash-load.js'

const TRIES = 3
t.setTimeout(120_000)

/** The first measurement that is as it should be, else the last. */
async function best<T>(measure: () => Promise<T>, isGood: (measured: T) => boolean): Promise<T> {
  for (let tries = 1; ; tries++) {
    const measured = await measure()
    if (tries === TRIES || isGood(measured)) return measured
  }
}

async function siteFor(t: Test, rounds: number) {
  const site = await startSite(rounds)
  t.teardown(() => site.close())
  return site
}

t.test('the time of a refusal does not tell who exists', async t => {
  const site = await siteFor(t, 5000)
  const isGood = ({ apart }: { apart: number }) => apart < 6
  const times = await best(() => measureWhoExists(site, 400), isGood)
  t.ok(isGood(times), `medians are ${times.apart.toFixed(1)} % apart`, { ...times })
})

t.test('while every hash thread is busy, what needs no hash is answered about as soon as ever', async t => {
  const site = await siteFor(t, 5000)
  // On a machine that others keep busy the idle figure is one of luck: then below what anybody notices is enough.
  const isNear = ({ idle, saturated }: { idle: number; saturated: number }) =>
    saturated < Math.max(2 * idle, 25)
  const measured = await best(
    () => measureNeighbours(site, 2000),
    ({ lookup, cheapLogin }) => isNear(lookup) && isNear(cheapLogin),
  )
  t.ok(isNear(measured.lookup), 'lookups', { ...measured.lookup })
  t.ok(isNear(measured.cheapLogin), 'logins without a hash', { ...measured.cheapLogin })
  t.ok(measured.slowPerSecond > 0)
})

t.test('twenty times what can be hashed: some are served in time, the rest know at once', async t => {
  const site = await siteFor(t, 100_000)
  const measured = await best(
    () => measureOverload(site, 20, 2500),
    ({ goodput, capacity, late, slowestAcceptedMs }) =>
      goodput > 0.8 * capacity && late === 0 && slowestAcceptedMs < 1750,
  )
  const { capacity, goodput, slowestAcceptedMs, refused, refusedWithRetryAfter, late, odd } = measured
  t.ok(goodput > 0.7 * capacity, 'the hash threads work for those who are served', { ...measured })
  t.ok(slowestAcceptedMs < 2000, 'before Dovecot stops waiting', { ...measured })
  t.ok(refused > goodput, 'most are refused', { ...measured })
  t.equal(refusedWithRetryAfter, refused, 'each with Retry-After')
  t.ok(late <= 0.05 * refused, 'next to nobody waits for nothing', { ...measured })
  t.equal(odd, 0, 'there is no third answer')
  t.ok(measured.residentMiB[1] < measured.residentMiB[0] + 50, 'memory is flat', { ...measured })
  t.ok(measured.backToNormalMs < 10_000, 'and then it is over', { ...measured })
})

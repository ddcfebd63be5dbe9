// Every door runs the scenarios, and answers alike; what it cannot do is named with a reason.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import {
  type Answer,
  accounts,
  ask,
  type DoorScenario,
  doorScenarios,
  withoutHoming,
} from './door-scenarios.js'
import { type Door, doorsOf } from './doors.js'
import { type RunningDovecot, startDovecot } from './dovecot.js'
import { type RunningHoming, startHoming } from './homing.js'
import { findDovecot, needs } from './parts.js'

type Major = '2.3' | '2.4'

/** Where a door answers otherwise than the table says, and why it cannot be helped. */
interface DoorException {
  readonly doors: readonly Door[]
  readonly majors: readonly Major[]
  readonly when: 'always' | 'without Homing'
  /** What it is about. */
  readonly scenarios: (scenario: DoorScenario) => boolean
  readonly reason: string
  readonly answer: (answer: Answer) => Answer
}

const exceptions: readonly DoorException[] = [
  {
    doors: ['oauth2'],
    majors: ['2.3', '2.4'],
    when: 'always',
    scenarios: ({ ask: [, question] }) => question === 'test',
    reason: 'passdb oauth2 adds the field `token`, for which we send `-` since there is none',
    answer: answer => (answer.fields ? { ...answer, fields: [...answer.fields, 'token=-'].sort() } : answer),
  },
  {
    doors: ['oauth2'],
    majors: ['2.3', '2.4'],
    when: 'without Homing',
    scenarios: ({ title }) => title.endsWith('an empty password'),
    reason: 'the file refuses an empty password before anybody is asked, for 2.3.19 would die of it',
    answer: () => ({ verdict: 'refused' }),
  },
  {
    doors: ['checkpassword', 'checkpassword-exec'],
    majors: ['2.3'],
    when: 'always',
    scenarios: ({ ask }) => (ask.at(-1)?.length ?? 0) > 500,
    reason:
      'Dovecot hands over 512 bytes at most and calls what is longer a wrong password, without asking anybody',
    answer: () => ({ verdict: 'refused' }),
  },
  {
    doors: ['checkpassword', 'checkpassword-exec'],
    majors: ['2.3'],
    when: 'always',
    scenarios: ({ answer }) => answer.users !== undefined,
    reason: 'a checkpassword userdb cannot list users',
    answer: () => ({ verdict: 'temporary failure' }),
  },
]

/** What this door must answer where the table says `answer`. */
function expected(
  door: Door,
  major: Major,
  now: DoorException['when'],
  scenario: DoorScenario,
  answer: Answer,
): Answer {
  return exceptions
    .filter(({ when }) => when === 'always' || when === now)
    .filter(
      ({ doors, majors, scenarios }) => doors.includes(door) && majors.includes(major) && scenarios(scenario),
    )
    .reduce((answer, exception) => exception.answer(answer), answer)
}

/** Runs them through these doors of a version. */
export function testDoors(major: Major, doors: readonly Door[] = doorsOf[major]): void {
  for (const door of doors) {
    t.test(`Dovecot ${major} through the ${door} door`, async t => {
      if (!needs(t, `dovecot-${major}`)) return
      const { dovecot, homing } = await startSite(t, major, door)
      const allIsWell = (t: Test) =>
        askAll(t, dovecot, scenario => expected(door, major, 'always', scenario, scenario.answer))

      await t.test('every question has its answer', allIsWell)
      await dovecot.doveadm('auth', 'cache', 'flush')
      await homing.kill()
      await t.test('without Homing every question is a temporary failure', t =>
        askAll(t, dovecot, scenario => expected(door, major, 'without Homing', scenario, withoutHoming)),
      )
      await homing.start()
      await untilBack(dovecot)
      await t.test('when it is back every question has its answer again', allIsWell)
      t.notMatch(await dovecot.log(), /Panic|Fatal|killed with signal/, 'and nothing crashed')
    })
  }
}

const AT_ONCE = 8

/** Several at a time: a refusal takes Dovecot half a second, and a crowd must hear the same as one alone. */
async function askAll(
  t: Test,
  dovecot: RunningDovecot,
  expected: (scenario: DoorScenario) => Answer,
): Promise<void> {
  const waiting = [...doorScenarios]
  const worker = async () => {
    for (let scenario = waiting.shift(); scenario; scenario = waiting.shift())
      t.same(await ask(dovecot, scenario), expected(scenario), scenario.title)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function startSite(
  t: Test,
  major: Major,
  door: Door,
): Promise<{ dovecot: RunningDovecot; homing: RunningHoming }> {
  const installation = findDovecot(`dovecot-${major}`)
  if (!installation) throw new Error(`Dovecot ${major} was there a moment ago`)
  const folder = await mkdtemp(join(tmpdir(), 'homing-doors-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost')
  const homing = await startHoming()
  t.teardown(() => homing.close())
  await homing.addAccounts(accounts)
  const { caFile } = authority
  const dovecot = await startDovecot({
    installation,
    role: 'proxy',
    door,
    service: homing,
    certificate,
    caFile,
  })
  t.teardown(() => dovecot.stop())
  return { dovecot, homing }
}

const SOON_MS = 5000

/** The first question that is not a temporary failure any more. */
async function untilBack(dovecot: RunningDovecot): Promise<void> {
  const [first] = doorScenarios
  const started = performance.now()
  while (first && (await ask(dovecot, first)).verdict !== 'ok') {
    if (performance.now() - started > SOON_MS) throw new Error('Homing is back, and nobody gets in')
  }
}

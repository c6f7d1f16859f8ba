import { expect, it } from 'vitest'
import { Draining } from '../../../src/node/draining.ts'
import type { Neighbour } from '../../../src/node/routing/router.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const NEIGHBOUR: Neighbour = {
  ...{ iface: 're6stnet1', address: 'fe80::a', rxcost: 96, txcost: 96, cost: 96, rttMs: 4 },
}

function rig({ neighbours = [NEIGHBOUR], drainsAtOnce = true } = {}) {
  const clock = steppedClock()
  const set: boolean[] = []
  let forwarded = 0n
  let known = () => {}
  const draining = new Draining({
    router: {
      ...{ neighbours, drainsAtOnce, isRunning: true },
      setDraining(isDraining) {
        set.push(isDraining)
        return new Promise((resolve) => {
          known = resolve
        })
      },
    },
    forwarded: async () => forwarded,
    ...{ clock, log: silentLog },
  })
  const pass = () => {
    forwarded++
  }
  return { draining, clock, set, pass, known: () => known() }
}

/** What a promise has become after the clock was moved. */
function outcomeOf<Value>(promise: Promise<Value>): { value?: Value } {
  const outcome: { value?: Value } = {}
  void promise.then((value) => {
    outcome.value = value
  })
  return outcome
}

it('a node leaves when its neighbours know and nothing was passed on for a second', async () => {
  const { draining, clock, set, pass, known } = rig()
  let isOver = false
  const left = draining.leave().then(() => {
    isOver = true
  })
  await clock.pass(1_500)
  expect([set, isOver]).toEqual([[true], false])
  known()
  for (let ms = 0; ms < 1_500; ms += 100) {
    pass()
    await clock.pass(100)
  }
  expect(isOver).toBe(false)
  await clock.pass(1_200)
  expect(isOver).toBe(true)
  await left
  expect(set).toEqual([true])
})

it('what has no other way holds up a stop for some seconds, and no longer', async () => {
  const { draining, clock, pass, known } = rig()
  const passing = clock.every(100, pass)
  let isOver = false
  const left = draining.leave().then(() => {
    isOver = true
  })
  known()
  await clock.pass(4_500)
  expect(isOver).toBe(false)
  await clock.pass(1_000)
  expect(isOver).toBe(true)
  passing[Symbol.dispose]()
  await left
})

it('a node without neighbours stops at once, and so does one whose router needs long to tell them', async () => {
  for (const given of [{ neighbours: [] }, { drainsAtOnce: false }]) {
    const { draining, set } = rig(given)
    await draining.leave()
    expect(set).toEqual([])
  }
})

it('whoever began it ends it, and it says since when', async () => {
  const { draining, clock, set, known } = rig()
  expect(draining.sinceMs).toBeUndefined()
  draining.set(true)
  draining.set(true)
  expect(draining.sinceMs).toBe(clock.now())
  known()
  const emptied = outcomeOf(draining.emptied(10_000))
  await clock.pass(1_200)
  expect(emptied.value).toBe(true)
  draining.set(false)
  expect([set, draining.sinceMs]).toEqual([[true, false], undefined])
})

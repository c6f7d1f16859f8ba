import { expect, it } from 'vitest'
import { MacKeys } from '../../../src/node/mac-keys.ts'
import type { RouterKeys } from '../../../src/node/routing/router.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const keys = (sign: number): RouterKeys => ({ sign: Buffer.alloc(16, sign), accept: undefined })

function beside(spread: { hasNeighbours: boolean; isComplete: boolean }) {
  const clock = steppedClock()
  const set: RouterKeys[] = []
  const setKeys = async (next: RouterKeys) => void set.push(next)
  const macKeys = new MacKeys(
    { router: { setKeys }, clock, log: silentLog, helloIntervalMs: () => 4_000, onUsed() {}, spread },
    keys(1),
  )
  return { clock, set, macKeys }
}

it('keys are changed together, two seconds after the version was seen, by those whose neighbours have it', async () => {
  const { clock, set, macKeys } = beside({ hasNeighbours: true, isComplete: true })
  await clock.pass(1_200)
  macKeys.change(keys(2), 0)
  await clock.pass(700)
  expect([set, macKeys.inUse]).toEqual([[], keys(1)])
  await clock.pass(200)
  expect([set, macKeys.inUse]).toEqual([[keys(2)], keys(2)])
})

it('a node waits for neighbours that do not have the version yet, but not for ever', async () => {
  const spread = { hasNeighbours: true, isComplete: false }
  const { clock, set, macKeys } = beside(spread)
  macKeys.change(keys(2), 0)
  await clock.pass(3_000)
  expect(set).toEqual([])
  spread.isComplete = true
  await clock.pass(100)
  expect(set).toEqual([keys(2)])
  spread.isComplete = false
  macKeys.change(keys(3), clock.monotonicMs())
  await clock.pass(5_500)
  expect(set).toHaveLength(1)
  await clock.pass(600)
  expect(set).toEqual([keys(2), keys(3)])
})

it('of several changes in quick succession the last one counts; without neighbours it is made at once', async () => {
  const spread = { hasNeighbours: true, isComplete: false }
  const { clock, set, macKeys } = beside(spread)
  macKeys.change(keys(2), 0)
  macKeys.change(keys(3), 0)
  spread.hasNeighbours = false
  await clock.pass(100)
  expect(set).toEqual([keys(3)])
  macKeys.change(keys(3), 0)
  await clock.pass(60_000)
  expect(set).toHaveLength(1)
})

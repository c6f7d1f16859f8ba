import { expect, it } from 'vitest'
import { awakeTime } from '../../../../src/node/start/awake-time.ts'
import type { Logger } from '../../../../src/platform/log.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

function rig() {
  const clock = steppedClock()
  const told: unknown[] = []
  const log = { ...silentLog, warn: (fields: unknown) => told.push(fields) } as unknown as Logger
  return { clock, told, awake: awakeTime({ clock, log }) }
}

it('does not count what the node could not run for: who has not answered meanwhile has as much time as before', async () => {
  const { clock, awake } = rig()
  const given: number[] = []
  awake.after(5_000, () => given.push(clock.monotonicMs()))
  await clock.pass(1_000)
  await clock.stall(60_000)
  expect(given).toEqual([])
  expect(awake.monotonicMs()).toBeLessThan(3_000)
  await clock.pass(5_000)
  expect(given).toHaveLength(1)
})

it('tells of what an operator should know, and of no more: short ones are usual, and many fill no log', async () => {
  const { clock, told, awake } = rig()
  for (let count = 0; count < 20; count++) {
    await clock.stall(1_500)
    await clock.pass(2_000)
  }
  expect(told).toEqual([])
  await clock.stall(10_000)
  expect(told).toHaveLength(1)
  for (let count = 0; count < 100; count++) {
    await clock.pass(2_000)
    await clock.stall(10_000)
  }
  expect(told.length).toBeLessThan(15)
  awake[Symbol.dispose]()
})

it('ends with the node', async () => {
  const { clock, told, awake } = rig()
  awake[Symbol.dispose]()
  await clock.stall(10_000)
  expect(told).toEqual([])
})

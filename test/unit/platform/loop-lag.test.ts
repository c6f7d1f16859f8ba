import { expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { LoopLag } from '../../../src/platform/loop-lag.ts'

it('a loop that was busy with other things says for how long, until it has waited', () => {
  let [idleMs, nowMs] = [0, 0]
  using lag = new LoopLag(() => ({ idleMs, nowMs }))
  const pass = (idle: number, active: number) => {
    idleMs += idle
    nowMs += idle + active
  }
  pass(100, 1)
  expect(lag.busyMs()).toBe(1)
  pass(0, 80)
  expect(lag.busyMs()).toBe(81)
  // What is read next in the same turn was there no later.
  pass(0, 2)
  expect(lag.busyMs()).toBe(83)
  pass(50, 2)
  expect(lag.busyMs()).toBeLessThanOrEqual(84)
  pass(50, 2)
  expect(lag.busyMs()).toBe(2)
})

it('it is seen of the real one', async () => {
  using lag = new LoopLag()
  /** Until the loop has had nothing to do. */
  const idle = () => {
    const before = performance.eventLoopUtilization().idle
    return waitFor(() => performance.eventLoopUtilization().idle > before, {
      what: 'a pause of the loop',
      deadlineMs: 10_000,
      intervalMs: 5,
    })
  }
  await idle()
  lag.busyMs()
  await idle()
  const end = performance.now() + 50
  while (performance.now() < end);
  expect(lag.busyMs()).toBeGreaterThan(45)
})

import { describe, expect, it } from 'vitest'
import { awakeClock } from '../../../src/platform/awake-clock.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

function setUp() {
  const machine = steppedClock()
  const lags: number[] = []
  return { machine, lags, clock: awakeClock(machine, (ms) => lags.push(ms)) }
}

describe('the time of a process that runs', () => {
  it('is the machine’s', async () => {
    const { machine, clock, lags } = setUp()
    let isOver = false
    clock.after(2_500, () => {
      isOver = true
    })
    await machine.pass(2_499)
    expect([isOver, clock.monotonicMs()]).toEqual([false, 2_499])
    await machine.pass(1)
    expect([isOver, clock.monotonicMs(), lags]).toEqual([true, 2_500, []])
  })

  it('stands still while it does not run, a look aside', async () => {
    const { machine, clock, lags } = setUp()
    await machine.pass(10_500)
    await machine.stall(60_000)
    // The next look was due after half a second.
    expect(clock.monotonicMs()).toBe(11_200)
    expect(lags).toEqual([59_300])
    await machine.pass(5_000)
    expect(clock.monotonicMs()).toBe(16_200)
  })

  it('never goes back', async () => {
    const { machine, clock } = setUp()
    let lastMs = clock.monotonicMs()
    for (const ms of [0, 300, 700, 150, 1_000, 1_199, 1_201, 5_000, 1]) {
      await machine.stall(ms)
      expect(clock.monotonicMs()).toBeGreaterThanOrEqual(lastMs)
      lastMs = clock.monotonicMs()
    }
  })
})

describe('what is due while the process does not run', () => {
  it('is due when as much time was left as it had', async () => {
    const { machine, clock } = setUp()
    let isOver = false
    clock.after(10_000, () => {
      isOver = true
    })
    await machine.stall(60_000)
    expect(isOver).toBe(false)
    await machine.pass(8_799)
    expect(isOver).toBe(false)
    await machine.pass(1)
    expect(isOver).toBe(true)
  })

  it('can still be stopped', async () => {
    const { machine, clock } = setUp()
    const over = new AbortController()
    const slept = clock.sleep(10_000, over.signal).then(
      () => 'slept',
      (reason: unknown) => reason,
    )
    let isOver = false
    const timer = clock.after(10_000, () => {
      isOver = true
    })
    await machine.stall(60_000)
    over.abort('stopped')
    timer[Symbol.dispose]()
    await machine.pass(60_000)
    expect([await slept, isOver]).toEqual(['stopped', false])
  })
})

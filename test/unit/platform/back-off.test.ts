import { expect, it } from 'vitest'
import { BackOff } from '../../../src/platform/back-off.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

/** Attempts that all fail, and when each was made. */
function failing() {
  const clock = steppedClock()
  const backOff = new BackOff(clock, { minMs: 1_000, maxMs: 8_000 })
  const stopping = new AbortController()
  const triedMs: number[] = []
  const run = async () => {
    while (!stopping.signal.aborted) {
      triedMs.push(clock.monotonicMs())
      await backOff.wait(stopping.signal)
    }
  }
  return { clock, backOff, triedMs, stopping, ended: run() }
}

it('waits twice as long each time, up to a limit', async () => {
  const { clock, triedMs } = failing()
  await clock.pass(40_000)
  expect(triedMs).toEqual([0, 1_000, 3_000, 7_000, 15_000, 23_000, 31_000, 39_000])
})

it('waits a short time again when an attempt has worked', async () => {
  const { clock, backOff, triedMs } = failing()
  await clock.pass(16_000)
  backOff.succeeded()
  await clock.pass(10_000)
  expect(triedMs.slice(5)).toEqual([23_000, 24_000, 26_000])
})

it('ends its wait when it is stopped', async () => {
  const { clock, stopping, triedMs, ended } = failing()
  await clock.pass(2_000)
  stopping.abort()
  await ended
  expect(triedMs).toEqual([0, 1_000])
})

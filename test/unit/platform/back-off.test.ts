import { describe, expect, it } from 'vitest'
import { BackOff, RestartPauses } from '../../../src/platform/back-off.ts'
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

describe('pauses before something is started again', () => {
  /** When it was started, if it ends this long after each start. */
  const started = async (ranMs: (start: number) => number, limits: { isFirstAtOnce?: boolean } = {}) => {
    const clock = steppedClock()
    const stopping = new AbortController()
    const pauses = new RestartPauses(clock, { minMs: 500, maxMs: 2_000, ranWellMs: 60_000, ...limits })
    const startsMs = [0]
    const run = async () => {
      for (let start = 0; !stopping.signal.aborted; start++) {
        await clock.sleep(ranMs(start), stopping.signal).catch(() => {})
        pauses.ended()
        await pauses.wait(stopping.signal)
        startsMs.push(clock.monotonicMs())
      }
    }
    const over = run()
    await clock.pass(200_000)
    stopping.abort()
    await over
    return startsMs
  }

  it('grow while it fails', async () => {
    expect((await started(() => 100)).slice(0, 6)).toEqual([0, 600, 1_700, 3_800, 5_900, 8_000])
  })

  it('are short again after it ran for a while', async () => {
    const startsMs = await started((start) => (start === 3 ? 61_000 : 100))
    expect(startsMs.slice(3, 6)).toEqual([3_800, 65_300, 66_400])
  })

  it('begin with none, where that is wanted, also after it ran for a while', async () => {
    const startsMs = await started((start) => (start === 3 ? 61_000 : 100), { isFirstAtOnce: true })
    expect(startsMs.slice(0, 6)).toEqual([0, 100, 700, 1_800, 62_800, 63_400])
  })

  it('are as at first after an end that was wanted', () => {
    const pauses = new RestartPauses(steppedClock(), { minMs: 500, maxMs: 2_000, ranWellMs: 60_000 })
    expect([pauses.ended(), pauses.ended(true), pauses.pauseMs]).toEqual([false, true, 500])
  })
})

import { expect, it } from 'vitest'
import { watchClock } from '../../../src/node/clock-watch.ts'
import type { Logger } from '../../../src/platform/log.ts'
import { silentLog } from '../../support/silent-log.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** A watched clock: `look` lets time pass until it is looked at again, with the wall clock moved by so much besides, or the machine asleep. */
function watched() {
  const seen = { warnings: [] as string[], set: 0, slept: 0 }
  const log = {
    ...silentLog,
    warn: (_: unknown, message: string) => void seen.warnings.push(message),
  } as Logger
  let [nowMs, monotonicMs] = [DAY_MS * 20_000, 5_000]
  let asleepMs = 123
  let pass = (_jumpMs: number, _sleepMs: number) => {}
  watchClock({
    clock: {
      now: () => nowMs,
      monotonicMs: () => monotonicMs,
      every: (ms, action) => {
        pass = (jumpMs, sleepMs) => {
          asleepMs += sleepMs
          monotonicMs += ms
          nowMs += ms + jumpMs + sleepMs
          action()
        }
        return { [Symbol.dispose]: () => {} }
      },
    },
    log,
    asleepMs: () => asleepMs,
    onSlept: () => {
      seen.slept += 1
    },
    onSet: () => {
      seen.set += 1
    },
  })
  return { seen, look: (jumpMs = 0, sleepMs = 0) => pass(jumpMs, sleepMs) }
}

it('says once that the clock was set back, and that it was set forward', () => {
  const { seen, look } = watched()
  look()
  expect(seen).toEqual({ warnings: [], set: 0, slept: 0 })
  for (const jumpMs of [-DAY_MS, 0, 0, 90_000, 0]) look(jumpMs)
  expect(seen.warnings).toEqual([
    expect.stringMatching(/^the clock was set back by 24 hours: /),
    expect.stringMatching(/^the clock was set forward by 90 seconds: /),
  ])
  expect(seen.set).toBe(2)
})

it('does not mind what NTP does, unless it adds up', () => {
  const { seen, look } = watched()
  for (let step = 0; step < 60; step++) look(step % 2 === 0 ? 900 : -900)
  expect(seen.set).toBe(0)
  for (let step = 0; step < 70; step++) look(900)
  expect(seen.warnings).toEqual([expect.stringMatching(/forward by 60 seconds/)])
})

it('does not fill the log when the clock goes to and fro', () => {
  const { seen, look } = watched()
  for (let step = 0; step < 100; step++) look(step % 2 === 0 ? HOUR_MS : -HOUR_MS)
  expect(seen.set).toBe(100)
  expect(seen.warnings.length).toBeLessThan(10)
})

it('tells a machine that slept from one whose clock was set', () => {
  const { seen, look } = watched()
  look(0, 8 * HOUR_MS)
  expect(seen).toEqual({ warnings: [], set: 0, slept: 1 })
  look(HOUR_MS, HOUR_MS)
  expect([seen.set, seen.slept]).toEqual([1, 2])
  look(0, 500)
  expect([seen.set, seen.slept]).toEqual([1, 2])
})

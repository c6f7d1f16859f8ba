import { expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'

const INTERVAL_MS = 60

it('what is done equally often is done together', async () => {
  let isSameTurn = false
  let [count, others] = [0, 0]
  using _ = systemClock.every(INTERVAL_MS, () => {
    isSameTurn = true
    setImmediate(() => {
      isSameTurn = false
    })
  })
  await systemClock.sleep(INTERVAL_MS / 6)
  using __ = systemClock.every(INTERVAL_MS, () => {
    count += isSameTurn ? 1 : 0
    others += isSameTurn ? 0 : 1
  })
  await expect.poll(() => count).toBeGreaterThan(2)
  expect(others).toBe(0)
})

it('whoever is gone is not called, also by one that was called before it', async () => {
  const called: string[] = []
  const [first, second] = ['first', 'second'].map((name) =>
    systemClock.every(INTERVAL_MS, () => {
      called.push(name)
      second?.[Symbol.dispose]()
    }),
  )
  await expect.poll(() => called.length).toBeGreaterThan(1)
  first?.[Symbol.dispose]()
  second?.[Symbol.dispose]()
  expect(new Set(called)).toEqual(new Set(['first']))
  const before = called.length
  let beats = 0
  using _ = systemClock.every(INTERVAL_MS, () => void beats++)
  await expect.poll(() => beats).toBeGreaterThan(1)
  expect(called).toHaveLength(before)
})

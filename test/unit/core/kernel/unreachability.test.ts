import { expect, it } from 'vitest'
import { detectionTimes } from '../../../../src/core/kernel/unreachability.ts'

it('a quick link is given up quickly, a slow one after as much more time as its packets need', () => {
  expect(detectionTimes(undefined, 0)).toEqual({ baseReachableMs: 150, delayProbeMs: 10, retransMs: 60 })
  expect(detectionTimes(10, 0)).toEqual(detectionTimes(undefined, 0))
  expect(detectionTimes(100, 0).retransMs).toBeGreaterThanOrEqual(100)
  expect(detectionTimes(130, 0)).toEqual(detectionTimes(230, 0))
})

it('false alarms bring patience, up to a limit', () => {
  expect(detectionTimes(10, 1).retransMs).toBe(120)
  expect(detectionTimes(10, 2).retransMs).toBe(240)
  expect(detectionTimes(10_000, 9).retransMs).toBe(4_000)
})

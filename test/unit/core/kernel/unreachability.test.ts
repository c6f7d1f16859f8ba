import { expect, it } from 'vitest'
import { type DetectionTimes, detectionTimes } from '../../../../src/core/kernel/unreachability.ts'

const patienceMs = ({ retransMs, unicastProbes }: DetectionTimes): number => retransMs * unicastProbes

it('a quick link is given up quickly, a slow one after as much more time as its packets need', () => {
  expect(detectionTimes(undefined, 0)).toEqual({
    baseReachableMs: 120,
    delayProbeMs: 10,
    retransMs: 60,
    unicastProbes: 10,
  })
  expect(detectionTimes(10, 0)).toEqual(detectionTimes(undefined, 0))
  expect(patienceMs(detectionTimes(100, 0))).toBeGreaterThanOrEqual(1_000)
  expect(detectionTimes(130, 0)).toEqual(detectionTimes(230, 0))
})

it('false alarms bring patience, up to a limit', () => {
  expect(patienceMs(detectionTimes(10, 1))).toBe(1_200)
  expect(patienceMs(detectionTimes(10, 2))).toBe(2_400)
  expect(patienceMs(detectionTimes(10_000, 9))).toBeCloseTo(40_000, -3)
})

it('whoever uses a link is asked for a sign of life as often on a slow one, and no question is far from the next', () => {
  for (const answerMs of [1, 50, 300, 2_000, 100_000]) {
    const times = detectionTimes(answerMs, 4)
    expect(times.baseReachableMs + times.delayProbeMs).toBeLessThan(200)
    expect(times.retransMs).toBeLessThan(250)
  }
})

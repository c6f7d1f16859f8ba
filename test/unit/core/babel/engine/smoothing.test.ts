import fc from 'fast-check'
import { expect, test } from 'vitest'
import { passesInMs, smoothedAt } from '../../../../../src/core/babel/engine/smoothing.ts'

const metric = fc.integer({ min: 1, max: 10_000 })

test('a better average passes a worse one when it was said to, and not before', () => {
  fc.assert(
    fc.property(metric, metric, metric, metric, fc.integer({ min: 1, max: 30 }), (a, b, c, d, halfLife) => {
      const [better = 0, worse = 0] = [Math.min(a, b), Math.max(a, b) + 1]
      const [smoothedWorse = 0, smoothedBetter = 0] = [Math.min(c, d), Math.max(c, d)]
      const behindAfter = (ms: number) =>
        smoothedAt(better, smoothedBetter, 0, ms, halfLife) -
        smoothedAt(worse, smoothedWorse, 0, ms, halfLife)
      const atMs = passesInMs(smoothedBetter - smoothedWorse, worse - better, halfLife)
      expect(atMs).toBeGreaterThanOrEqual(0)
      expect(behindAfter(atMs * 0.99)).toBeGreaterThanOrEqual(-1e-6)
      expect(behindAfter(atMs * 1.01 + 1)).toBeLessThan(0)
    }),
  )
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { windowOf } from '../../../../src/registry/page/parts/virtual-rows.ts'

test('rows that can be seen are drawn, and few others; the height is that of all', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.nat(2_000), fc.nat(50_000_000), (rows, height, scrolled) => {
      const { first, end, above, below } = windowOf(rows, 40, height, scrolled)
      expect(above + below + (end - first) * 40).toBe(rows * 40)
      expect(end - first).toBeLessThanOrEqual(height / 40 + 20)
      const seen = Math.max(0, Math.min(scrolled, rows * 40 - height))
      expect(above).toBeLessThanOrEqual(seen)
      expect(end * 40).toBeGreaterThanOrEqual(Math.min(rows * 40, seen + height))
    }),
  )
})

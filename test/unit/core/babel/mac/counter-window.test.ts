import { expect, test as plainTest } from 'vitest'
import { CounterWindow } from '../../../../../src/core/babel/mac/counter-window.ts'
import { fc, test } from '../../../../support/property.ts'

test(
  'each number is fresh once, and never when it is 128 or more below the highest',
  fc.nat(1000),
  fc.array(fc.oneof(fc.nat(400), fc.nat(0xffffffff)), { maxLength: 300 }),
  (first, counters) => {
    const window = new CounterWindow(first)
    const seen = new Set([first])
    let highest = first
    for (const counter of counters) {
      const isFresh = counter > highest - 128 && !seen.has(counter)
      expect(window.isFresh(counter)).toBe(isFresh)
      if (!isFresh) continue
      window.accept(counter)
      seen.add(counter)
      highest = Math.max(highest, counter)
    }
  },
)

plainTest('a leap of any size leaves nothing of the numbers before', () => {
  for (const leap of [1, 31, 32, 127, 128, 129, 1000]) {
    const window = new CounterWindow(100)
    window.accept(100 + leap)
    expect([leap, window.isFresh(100 + leap), window.isFresh(100)]).toEqual([leap, false, false])
    if (leap > 1) expect([leap, window.isFresh(100 + leap - 1)]).toEqual([leap, true])
  }
})

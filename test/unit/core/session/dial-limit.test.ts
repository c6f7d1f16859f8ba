import { expect, it } from 'vitest'
import { DialLimit } from '../../../../src/core/session/dial-limit.ts'
import { bitsOfNumber } from '../../../../src/core/values/bits.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'

const peer = (number: number) => prefixOfBits(bitsOfNumber(BigInt(number), 16))

it('a peer has a few questions tried, and one more every twenty seconds', () => {
  const limit = new DialLimit()
  const tried = [0, 0, 0, 0, 19_000, 21_000, 21_000].map((nowMs) => limit.take(peer(1), nowMs))
  expect(tried).toEqual([true, true, true, false, false, true, false])
})

it('many peers together have twenty at once, and no more than so many are remembered', () => {
  const limit = new DialLimit()
  const tried = Array.from({ length: 2_000 }, (_, number) => limit.take(peer(number), 0))
  expect(tried.filter(Boolean)).toHaveLength(20)
  expect(limit.take(peer(5_000), 60_000)).toBe(true)
})

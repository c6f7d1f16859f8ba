import { beforeEach, expect, it } from 'vitest'
import { Bootstrap } from '../../../../src/core/tunnels/bootstrap.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'

/** Draws the middle of every range. */
const middle = { next: () => 0.5 }
let bootstrap: Bootstrap

beforeEach(() => {
  bootstrap = new Bootstrap(middle)
})

it('who is alone asks at once, and not again before the answer', () => {
  expect(bootstrap.nextMs).toBe(Number.POSITIVE_INFINITY)
  expect(bootstrap.begin(true, 1_000)).toBe(true)
  expect(bootstrap.begin(true, 1_000_000)).toBe(false)
  expect(bootstrap.nextMs).toBe(Number.POSITIVE_INFINITY)
})

it('who is cut off with others asks in a moment, not all in the same', () => {
  expect(bootstrap.begin(false, 1_000)).toBe(false)
  expect(bootstrap.nextMs).toBe(2_000)
  // Whoever loses the others meanwhile keeps its time.
  expect(bootstrap.begin(true, 1_999)).toBe(false)
  expect(bootstrap.begin(false, 2_000)).toBe(true)
})

it('the pauses grow to twenty seconds, until we are connected', () => {
  const pauses: number[] = []
  let nowMs = 0
  for (let count = 0; count < 8; count++) {
    expect(bootstrap.begin(true, nowMs)).toBe(true)
    bootstrap.answered(nowMs)
    expect(bootstrap.begin(true, bootstrap.nextMs - 1)).toBe(false)
    pauses.push(bootstrap.nextMs - nowMs)
    nowMs = bootstrap.nextMs
  }
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000])
  expect(bootstrap.cutOff).toEqual({ sinceMs: 0, nextAskMs: nowMs })
  bootstrap.connected()
  expect(bootstrap.cutOff).toBeUndefined()
  expect(bootstrap.nextMs).toBe(Number.POSITIVE_INFINITY)
  expect(bootstrap.begin(true, nowMs)).toBe(true)
  bootstrap.answered(nowMs)
  expect(bootstrap.nextMs - nowMs).toBe(500)
})

it('as long as the registry proposes others than before, it is asked often; the same again are no news', () => {
  const pauses: number[] = []
  let nowMs = 0
  for (const proposed of ['00', '01', '10', '11', '000', '001', '00', '01']) {
    expect(bootstrap.begin(true, nowMs)).toBe(true)
    bootstrap.answered(nowMs, prefixOfBits(proposed))
    pauses.push(bootstrap.nextMs - nowMs)
    nowMs = bootstrap.nextMs
  }
  expect(pauses).toEqual([1_500, 1_500, 1_500, 1_500, 1_500, 1_500, 500, 1_000])
  bootstrap.connected()
  expect(bootstrap.begin(true, nowMs)).toBe(true)
  bootstrap.answered(nowMs, prefixOfBits('00'))
  expect(bootstrap.nextMs - nowMs).toBe(1_500)
})

it('when our network has changed there are no pauses: it is asked at once, also if it is being asked', () => {
  for (let nowMs = 0; nowMs < 10; nowMs++) {
    expect(bootstrap.begin(true, nowMs === 0 ? 0 : bootstrap.nextMs)).toBe(true)
    bootstrap.answered(nowMs)
  }
  bootstrap.again()
  expect(bootstrap.begin(false, 11)).toBe(true)
  bootstrap.again()
  bootstrap.answered(12)
  expect(bootstrap.begin(false, 12)).toBe(true)
  bootstrap.answered(13)
  expect(bootstrap.nextMs).toBe(513)
})

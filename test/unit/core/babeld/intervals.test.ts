import { describe, expect, it } from 'vitest'
import {
  askingIntervals,
  configuredIntervals,
  firstIntervals,
  latestHelloMs,
  latestUpdateMs,
} from '../../../../src/core/babeld/intervals.ts'
import { fc, test } from '../../../support/property.ts'

describe('a small network', () => {
  it('announces its routes about as often as it says hello', () => {
    expect(configuredIntervals(15_000, 8)).toEqual({ helloIntervalMs: 15_000, updateIntervalMs: 11_000 })
    expect(configuredIntervals(4_000, 8).updateIntervalMs).toBe(4_000)
    // With the 4.05 s that are wanted here, a route could be forgotten at the step to them.
    expect(configuredIntervals(4_000, 27).updateIntervalMs).toBe(10_000)
  })
})

describe('a large network', () => {
  it('announces its routes as babeld does by itself, for each fourth hello', () => {
    expect(configuredIntervals(15_000, 1_000).updateIntervalMs).toBe(60_000)
    expect(configuredIntervals(1_000, 1_000).updateIntervalMs).toBe(4_000)
  })
})

const anyIntervals = [fc.integer({ min: 200, max: 60_000 }), fc.integer({ min: 0, max: 5_000 })] as const

test('announcements are never rarer than babeld makes them', ...anyIntervals, (hello, routes) => {
  const { updateIntervalMs } = configuredIntervals(hello, routes)
  expect(updateIntervalMs).toBeGreaterThanOrEqual(Math.min(hello, 11_000))
  expect(updateIntervalMs).toBeLessThanOrEqual(4 * hello)
})

test('hellos of a new link are never rarer than those of a settled one', ...anyIntervals, (hello, routes) => {
  const configured = configuredIntervals(hello, routes)
  expect(firstIntervals(configured).helloIntervalMs).toBeLessThanOrEqual(hello)
  expect(askingIntervals(configured).helloIntervalMs).toBeLessThanOrEqual(hello)
})

/** How long babeld remembers what was announced with this interval, and half a second that only the worst case takes. */
const rememberedMs = (updateIntervalMs: number) => Math.max(3.5 * updateIntervalMs, 15_000) + 500
test(
  'no route is forgotten when a link goes from one set of intervals to the next',
  fc.constantFrom(1_000, 2_000, 4_000, 10_000, 15_000, 30_000, 60_000),
  anyIntervals[1],
  (hello, routes) => {
    const configured = configuredIntervals(hello, routes)
    const first = firstIntervals(configured)
    const asking = askingIntervals(configured)
    // From the last announcement with the old intervals to the first with the new ones.
    expect(latestUpdateMs(asking)).toBeLessThan(rememberedMs(first.updateIntervalMs))
    expect(1.25 * asking.updateIntervalMs + latestUpdateMs(configured)).toBeLessThan(
      rememberedMs(asking.updateIntervalMs),
    )
  },
)

test('no neighbour is given up at a step to longer intervals', ...anyIntervals, (hello, routes) => {
  const configured = configuredIntervals(hello, routes)
  const first = firstIntervals(configured)
  const asking = askingIntervals(configured)
  const steps = [
    [first, asking],
    [asking, configured],
  ] as const
  for (const [from, to] of steps) {
    // The last hello is lost, the next one waits as long as it may at the new interval.
    const silence = latestHelloMs(from) + Math.min(1_250, 0.3125 * to.helloIntervalMs)
    expect(silence).toBeLessThan(2.7 * from.helloIntervalMs)
  }
})

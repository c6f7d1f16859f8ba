import { beforeEach, expect, it } from 'vitest'
import { Announcement } from '../../../src/registry/announcement.ts'
import { type SteppedClock, steppedClock } from '../../support/stepped-clock.ts'

let clock: SteppedClock
/** When the node was told. */
let toldMs: number[]
let isKnown: boolean
let hasNode: boolean
let announcement: Announcement

beforeEach(() => {
  clock = steppedClock()
  toldMs = []
  isKnown = false
  hasNode = true
  announcement = new Announcement({
    clock,
    isKnown: () => isKnown,
    tell() {
      if (hasNode) toldMs.push(clock.monotonicMs())
      return hasNode
    },
  })
})

it("the registry's own node is told of a version again and again, ever more seldom, until it has asked for it", async () => {
  announcement.begin()
  await clock.pass(20_000)
  expect(toldMs).toEqual([0, 2_000, 6_000, 14_000])
  await clock.pass(3_600_000)
  expect(toldMs.length).toBeGreaterThan(15)
  isKnown = true
  await clock.pass(300_000)
  const before = toldMs.length
  await clock.pass(3_600_000)
  expect(toldMs).toHaveLength(before)
})

it('of another version it is told at once, however long the one before was told in vain', async () => {
  announcement.begin()
  await clock.pass(3_600_000)
  toldMs.length = 0
  announcement.begin()
  await clock.pass(3_000)
  expect(toldMs).toEqual([3_600_000, 3_602_000])
})

it('nobody is told where there is no such node, and nothing after the end', async () => {
  hasNode = false
  announcement.begin()
  hasNode = true
  await clock.pass(60_000)
  expect(toldMs).toEqual([])
  announcement.begin()
  announcement[Symbol.dispose]()
  await clock.pass(60_000)
  expect(toldMs).toHaveLength(1)
})

import { expect, it } from 'vitest'
import { Pacing } from '../../../../src/core/kernel/pacing.ts'

/** A tap that takes so many bytes a second at most; more is lost, unless less is let out to it. */
function rig() {
  const pacing = new Pacing()
  let [nowMs, sentBytes, dropped] = [0, 0, 0]
  let limit = Number.POSITIVE_INFINITY
  return {
    limit: () => limit,
    /** A tenth of a second in which so much was to be sent. @returns what is to be done */
    pass(offered: number, capacity: number) {
      nowMs += 100
      const arriving = Math.min(offered, limit)
      sentBytes += Math.min(arriving, capacity) / 10
      dropped += arriving > capacity ? 10 : 0
      const step = pacing.look(nowMs, { sentBytes, dropped })
      if (step.kind === 'pace') limit = step.bytesPerSecond
      if (step.kind === 'release') limit = Number.POSITIVE_INFINITY
      return step.kind
    },
  }
}

it('where nothing is lost, it is looked at for a second and left alone', () => {
  const { pass } = rig()
  const steps = Array.from({ length: 12 }, () => pass(5e6, 1e7))
  expect(steps.indexOf('end')).toBe(10)
  expect(steps).not.toContain('pace')
})

it('of what is too much, a little less is let out than was carried; from then on next to nothing is lost behind', () => {
  const { pass, limit } = rig()
  pass(5e7, 1e7)
  expect(pass(5e7, 1e7)).toBe('pace')
  expect(limit()).toBeCloseTo(8.5e6, -4)
  const limits = Array.from({ length: 100 }, () => {
    pass(5e7, 1e7)
    return limit()
  })
  const full = limits.filter((one) => one > 1e7)
  expect(full.length).toBeLessThan(25)
  const mean = limits.reduce((sum, one) => sum + one, 0) / limits.length
  expect(mean).toBeGreaterThan(8.5e6)
})

it('follows a machine that has less time, and one that has more', () => {
  const { pass, limit } = rig()
  for (let looks = 0; looks < 20; looks++) pass(5e7, 1e7)
  for (let looks = 0; looks < 3; looks++) pass(5e7, 3e6)
  expect(limit()).toBeLessThan(3e6)
  for (let looks = 0; looks < 60; looks++) pass(5e7, 1e7)
  expect(limit()).toBeGreaterThan(8e6)
})

it('a tap that nothing leaves is stuck, not full', () => {
  const { pass } = rig()
  pass(5e7, 0)
  expect(pass(5e7, 0)).toBe('look')
})

it('when it is over, everything is let out as before', () => {
  const { pass, limit } = rig()
  for (let looks = 0; looks < 20; looks++) pass(5e7, 1e7)
  const steps = Array.from({ length: 25 }, () => pass(1e5, 1e7))
  expect(steps.indexOf('release')).toBe(9)
  expect(steps.indexOf('end')).toBe(19)
  expect(limit()).toBe(Number.POSITIVE_INFINITY)
})

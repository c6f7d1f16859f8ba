import { expect, it } from 'vitest'
import { Lateness } from '../../../../../src/core/babel/engine/lateness.ts'

it('one long stop says little of what comes; being late all the time says how late', () => {
  const lateness = new Lateness()
  lateness.ran(60_000, 0)
  expect(lateness.meanMs).toBeLessThanOrEqual(50)
  lateness.ran(60_000, 70_000)
  for (let time = 0; time < 40; time++) lateness.ran(100, 0)
  expect(lateness.meanMs).toBeGreaterThan(90)
  expect(lateness.meanMs).toBeLessThan(100)
  for (let time = 0; time < 40; time++) lateness.ran(3, 0)
  expect(lateness.meanMs).toBeLessThan(1)
})

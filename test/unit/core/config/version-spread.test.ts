import { expect, it } from 'vitest'
import { VersionSpread } from '../../../../src/core/config/version-spread.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'

const [A, B] = [prefixOfBits('01'), prefixOfBits('10')]
const [OLD, NEW] = [Buffer.of(1), Buffer.of(2)]

it('a version is said to each neighbour until that has it', () => {
  const spread = new VersionSpread(OLD)
  spread.setNeighbours([A, B])
  expect(spread.due(0)).toEqual([A, B])
  spread.shown(A, OLD)
  expect(spread.due(1_999)).toEqual([])
  expect(spread.due(2_000)).toEqual([B])
  expect(spread.due(5_000)).toEqual([])
  expect(spread.due(6_000)).toEqual([B])
  spread.shown(B, NEW)
  expect(spread.due(14_000)).toEqual([])
})

it('nobody has a new version but whoever told us; what was acknowledged before does not count', () => {
  const spread = new VersionSpread(OLD)
  spread.setNeighbours([A, B])
  spread.due(0)
  spread.setVersion(NEW, A)
  spread.shown(B, OLD)
  expect(spread.due(1)).toContain(B)
  spread.shown(B, NEW)
  expect(spread.due(2_001)).toEqual([])
})

it('a neighbour that was gone is told anew', () => {
  const spread = new VersionSpread(NEW)
  spread.setNeighbours([A, B])
  spread.due(0)
  spread.shown(A, NEW)
  spread.shown(B, NEW)
  spread.setNeighbours([A])
  expect(spread.hasNeighbours).toBe(true)
  spread.setNeighbours([A, B])
  expect(spread.due(1)).toEqual([B])
})

it('who has it is reminded once a minute, who does not answer every half minute at least', () => {
  const spread = new VersionSpread(NEW)
  spread.setNeighbours([A, B])
  spread.shown(A, NEW)
  const said = { A: 0, B: 0 }
  for (let second = 0; second < 600; second++)
    for (const prefix of spread.due(1000 * second)) said[prefix === A ? 'A' : 'B']++
  expect(said.A).toBe(10)
  expect(said.B).toBeGreaterThanOrEqual(20)
  expect(said.B).toBeLessThanOrEqual(25)
})

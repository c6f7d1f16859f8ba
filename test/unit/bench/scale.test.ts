import { expect, test } from 'vitest'
import { mergedScale, type SurvivalResult } from '../../../bench/scale.ts'
import { scaleReport } from '../../../bench/scale-report.ts'

const cell = (nodes: number, tunnels: number, meanDistance: number) => ({
  ...{ nodes, tunnels, meanDistance, published: 2 },
})

const survival = (nodes: number, cpuSeconds: number): SurvivalResult => ({
  nodes,
  outcome: {
    ...{ meanDistance: 2, connected: 1, connectedAfter: [1, 1, 1, 1, 0.5], healedSeconds: 5 },
    ...{ seconds: 1, cpuSeconds, memoryMb: 100 },
  },
})

test('what is measured anew takes the place of what there was; all else stays, in order', () => {
  const before = { distances: [cell(100, 5, 2.1), cell(200, 5, 2.2)], survivals: [survival(200, 1)] }
  const now = { distances: [cell(100, 10, 1.8), cell(100, 5, 2.04)], survivals: [survival(100, 2)] }
  expect(mergedScale(before, now)).toEqual({
    distances: [cell(100, 5, 2.04), cell(100, 10, 1.8), cell(200, 5, 2.2)],
    survivals: [survival(100, 2), survival(200, 1)],
  })
})

test('a report of a part leaves out what is not there', () => {
  const text = scaleReport({ distances: [cell(100, 5, 2.04), cell(3_200, 10, 1.8)], survivals: [] })
  expect(text).toContain('| 100 | 2.04 (2.00) |  |')
  expect(text).toContain('| 3,200 |  | 1.80 (2.00) |')
  expect(text).toContain('The most above them: 2.0 %')
})

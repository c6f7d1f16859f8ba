import { describe, expect, test } from 'vitest'
import { MACHINE_STATES } from '../../../../../src/core/values/machine-states.ts'
import { COLOUR_MEANINGS, colouringOf } from '../../../../../src/registry/page/map/colouring.ts'
import type { NetworkNode } from '../../../../../src/registry/page/map/network.ts'
import { SHAPES, shapePath, traceShape } from '../../../../../src/registry/page/map/shapes.ts'

const NOW = Date.UTC(2026, 10, 29)
const DAY_MS = 86_400_000
const NODES = MACHINE_STATES.flatMap((state) =>
  Array.from(
    { length: 12 },
    (_, at): NetworkNode => ({
      id: `${at}/16`,
      name: `${at}`,
      registry: false,
      state,
      version: at === 0 ? undefined : `0.${at}`,
      country: at === 0 ? undefined : `A${String.fromCharCode(65 + at)}`,
      certificateBeginMs: at === 0 ? undefined : NOW - at * at * 3 * DAY_MS,
      certificateEndMs: at === 0 ? undefined : NOW + (at * at - 2) * DAY_MS,
    }),
  ),
)

describe('shapes of nodes', () => {
  test.each(COLOUR_MEANINGS)('tell apart what colours do, by %s', (meaning) => {
    const { legend } = colouringOf(meaning, NODES, NOW)
    expect(legend.length).toBeGreaterThan(3)
    expect(new Set(legend.map(({ colour }) => colour.shape)).size).toBe(legend.length)
  })

  test.each(SHAPES)('%s is drawn around its place, on a canvas as in the legend', (shape) => {
    const points: [number, number][] = []
    const add = (x: number, y: number) => void points.push([x, y])
    const arc = (x: number, y: number, radius: number) => points.push([x - radius, y], [x, y + radius])
    traceShape({ moveTo: add, lineTo: add, closePath() {}, arc }, shape, 100, 50, 10)
    for (const [x, y] of points) expect(Math.hypot(x - 100, y - 50)).toBeLessThan(15)
    expect(shapePath(shape, 10)).toMatch(/^M[-\d. LAMZ]+Z$/)
  })
})

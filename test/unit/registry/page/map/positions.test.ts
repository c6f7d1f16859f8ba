import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Network } from '../../../../../src/registry/page/map/network.ts'
import {
  type Positions,
  pairsOf,
  place,
  savedPositions,
  savedText,
} from '../../../../../src/registry/page/map/positions.ts'

const network = (ids: readonly string[], tunnels: readonly (readonly [string, string])[] = []): Network => ({
  nodes: ids.map((id) => ({ id, name: id, state: 'online', registry: false })),
  tunnels: tunnels.map(([client, server]) => ({ client, server })),
})

describe('positions of nodes', () => {
  const known: Positions = new Map([['0/8', { x: 10, y: 20 }]])

  test('a node that has a place keeps it; one that is gone has none', () => {
    const { positions, fresh } = place(network(['0/8', '1/8']), known)
    expect(positions.get('0/8')).toEqual({ x: 10, y: 20 })
    expect([...fresh]).toEqual(['1/8'])
    expect(place(network(['1/8']), known).positions.has('0/8')).toBe(false)
  })

  test('a new one begins beside a neighbour that has a place', () => {
    const { positions } = place(network(['0/8', '1/8'], [['1/8', '0/8']]), known)
    const { x, y } = positions.get('1/8') ?? { x: 0, y: 0 }
    expect(Math.hypot(x - 10, y - 20)).toBeLessThan(5)
  })

  test('without any neighbour it begins at the same place each time, and no two at one', () => {
    const ids = Array.from({ length: 500 }, (_, at) => `${at}/16`)
    const [one, other] = [place(network(ids), new Map()), place(network(ids), new Map())]
    expect(one.positions).toEqual(other.positions)
    expect(new Set([...one.positions.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(500)
  })

  test('are read as they were written, to a tenth', () => {
    const positions = new Map([['5/16', { x: -1.23, y: 4e3 }]])
    expect(savedPositions(savedText(positions))).toEqual(new Map([['5/16', { x: -1.2, y: 4000 }]]))
  })

  test('whatever else is kept there is no position, and no failure', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        for (const { x, y } of savedPositions(text).values())
          expect(Number.isFinite(x) && Number.isFinite(y)).toBe(true)
      }),
    )
    expect(savedPositions(null).size).toBe(0)
  })
})

test('two tunnels of the same two nodes are one line; one to nobody is none', () => {
  const tunnels = [
    ['0/8', '1/8'],
    ['1/8', '0/8'],
    ['1/8', '9/8'],
    ['1/8', '1/8'],
  ] as const
  expect(pairsOf(network(['0/8', '1/8'], tunnels))).toHaveLength(1)
})

import { expect, test } from 'vitest'
import { type NetworkNode, tunnelCounts } from '../../../../../src/registry/page/map/network.ts'
import { sortedNodes } from '../../../../../src/registry/page/map/node-order.ts'

const node = (id: string, facts: Partial<NetworkNode> = {}): NetworkNode => ({
  ...{ id, name: id, state: 'online', registry: false },
  ...facts,
})
const NODES = [
  node('10/16', { version: '0.10', certificateEndMs: 3 }),
  node('2/16', { version: '0.9', certificateEndMs: 1 }),
  node('1/16', { certificateEndMs: 2 }),
]
const COUNTS = tunnelCounts({
  tunnels: [
    { client: '2/16', server: '1/16' },
    { client: '10/16', server: '1/16' },
    { client: '1/16', server: '2/16' },
  ],
})
const sorted = (key: string, descending = false) =>
  sortedNodes(NODES, { key, descending }, COUNTS).map(({ id }) => id)

test('nodes are sorted as people count', () => {
  expect(sorted('name')).toEqual(['1/16', '2/16', '10/16'])
  expect(sorted('version', true)).toEqual(['10/16', '2/16', '1/16'])
  expect(sorted('end')).toEqual(['2/16', '1/16', '10/16'])
  expect(sorted('state')).toEqual(['1/16', '2/16', '10/16'])
})

test('tunnels are counted at both of their ends', () => {
  expect(COUNTS.get('1/16')).toEqual({ opened: 1, accepted: 2 })
  expect(sorted('tunnels', true)).toEqual(['1/16', '2/16', '10/16'])
})

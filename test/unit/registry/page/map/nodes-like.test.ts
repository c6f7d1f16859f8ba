import { expect, test } from 'vitest'
import type { NetworkNode } from '../../../../../src/registry/page/map/network.ts'
import { nodesLike, proposalOf } from '../../../../../src/registry/page/map/nodes-like.ts'

const node = (id: string, name = id): NetworkNode => ({ id, name, state: 'online', registry: false })
const NODES = [
  node('1/16', 'old-laptop'),
  node('2/16', 'laptop-of-ann'),
  node('3/16', 'laptop'),
  node('15/16'),
]

test('a node is found by a part of its name: the one that is called so first, then those that begin with it', () => {
  expect(nodesLike(NODES, 'Laptop').map(({ id }) => id)).toEqual(['3/16', '2/16', '1/16'])
  expect(nodesLike(NODES, '5/16').map(({ id }) => id)).toEqual(['15/16'])
  expect(nodesLike(NODES, 'nobody')).toEqual([])
})

test('what is proposed names one node', () => {
  expect(NODES.map(proposalOf)).toEqual([
    'old-laptop (1/16)',
    'laptop-of-ann (2/16)',
    'laptop (3/16)',
    '15/16',
  ])
  for (const one of NODES) expect(nodesLike(NODES, proposalOf(one))[0]).toBe(one)
})

import { expect, it } from 'vitest'
import { neighbourOfRoute, nodeOfDestination } from '../../../../src/core/routes/destination.ts'
import { networkOfBits, prefixOfBits, subnetCidr } from '../../../../src/core/values/prefix.ts'

const NETWORK = networkOfBits('001000000000000100001101101110000000000001000010')
const NODE = prefixOfBits('0000000000000101')
const subnet = subnetCidr(NETWORK, NODE)

it('a destination is the subnet of a node, or of none', () => {
  expect(nodeOfDestination(NETWORK, subnet)).toBe(NODE)
  for (const other of ['2001:db8:42::/48', '2001:db8::/32', '::/0', '2001:db8:43::/64', '10.42.0.0/24', ''])
    expect(nodeOfDestination(NETWORK, other), other).toBeUndefined()
})

it('the next hop is the node whose subnet it announces as its own, as long as the route can be used', () => {
  expect(neighbourOfRoute(NETWORK, { prefix: subnet, metric: 96, refmetric: 0 })).toBe(NODE)
  expect(neighbourOfRoute(NETWORK, { prefix: subnet, metric: 192, refmetric: 96 })).toBeUndefined()
  expect(neighbourOfRoute(NETWORK, { prefix: subnet, metric: 65_535, refmetric: 0 })).toBeUndefined()
  expect(neighbourOfRoute(NETWORK, { prefix: '::/0', metric: 96, refmetric: 0 })).toBeUndefined()
})

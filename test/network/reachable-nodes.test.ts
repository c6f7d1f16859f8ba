import { expect, it } from 'vitest'
import { networkOfBits, prefixOfBits } from '../../src/core/values/prefix.ts'
import { kernelReachableNodes } from '../../src/registry/reachable-nodes.ts'
import { makeNamespace, type Namespace } from '../support/namespace.ts'

const NETWORK = networkOfBits('001000000000000100001101101110000000000001000010')

/** A namespace with an interface that babeld could use, and what the kernel routes by itself. */
function withInterface(): Namespace {
  const here = makeNamespace('reachable')
  here.ip('link add tap type bridge')
  here.ip('link set tap up')
  return here
}

it('nodes are reachable to which babeld has a route that leads somewhere', async () => {
  using here = withInterface()
  const babel = 'via fe80::1 dev tap onlink proto 42'
  for (const route of [
    `2001:db8:42:4::/64 ${babel}`,
    `2001:db8:42:7::1/128 ${babel}`,
    // What babeld leaves of a route that it lost; routes that lead to no node; a route of somebody else.
    'unreachable 2001:db8:42:1::/64 proto 42 metric 4294967295',
    `default ${babel}`,
    `2001:db8:43::/64 ${babel}`,
    '2001:db8:42:9::/64 dev tap proto static',
  ])
    here.ip(`-6 route add ${route}`)
  const all = await kernelReachableNodes(here.processes, NETWORK).list()
  expect(new Set(all)).toEqual(
    new Set(
      ['100'.padStart(16, '0'), `${'111'.padStart(16, '0')}${'1'.padStart(64, '0')}`].map(prefixOfBits),
    ),
  )
})

it('without routes there are none', async () => {
  using here = withInterface()
  expect(await kernelReachableNodes(here.processes, NETWORK).list()).toEqual([])
})

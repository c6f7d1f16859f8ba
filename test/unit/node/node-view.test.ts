import { expect, it } from 'vitest'
import { networkOfBits, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { nodeAnswers } from '../../../src/node/node-view.ts'
import { RoutedNodes } from '../../../src/node/routed-nodes.ts'
import type { Route, RoutingChange } from '../../../src/node/routing/router.ts'
import type { NodeViewSources } from '../../../src/node/view/sources.ts'

/** 2001:db8:42::/48 */
const network = networkOfBits('001000000000000100001101101110000000000001000010')

const announced = (prefix: string, refmetric: number): Route => ({
  ...{ prefix, from: '::/0', installed: true, metric: 96 + refmetric, refmetric },
  ...{ via: 'fe80::a', iface: 're6stnet1', routerId: '00:00:00:00:00:00:00:01' },
})

it('the next hop is named, and the neighbour behind a tunnel found, whatever else the neighbour announces as its own', async () => {
  const neighbour = { iface: 're6stnet1', address: 'fe80::a', rxcost: 96, txcost: 96, cost: 96, rttMs: 4 }
  let tell: (change: RoutingChange) => void = () => {}
  const router = {
    neighbours: [neighbour],
    watch(listener: (change: RoutingChange) => void) {
      tell = listener
      return { [Symbol.dispose]() {} }
    },
    routes: [
      announced('2001:db8:42:1::/64', 0),
      announced('2001:db8:42:2::/64', 96),
      announced('10.42.1.0/24', 0),
      announced('::/0', 0),
    ],
  }
  // What the routes do not follow from is not there.
  const nodes = new RoutedNodes(router, network, prefixOfBits('0000000000000111'))
  for (const route of router.routes) tell({ kind: 'route', change: 'added', route })
  const tunnel = { iface: 're6stnet1', prefix: prefixOfBits('0000000000000001'), state: 'up', sinceMs: 0 }
  const tunnels = { list: () => [tunnel, { ...tunnel, prefix: prefixOfBits('0000000000000010') }] }
  const sources = {
    router,
    nodes,
    tunnels,
    identity: () => ({ authority: { network } }),
  } as unknown as NodeViewSources
  expect(await nodeAnswers(sources).routes()).toMatchObject([
    { node: '1/16', nextHop: '1/16' },
    { node: '2/16', nextHop: '1/16' },
  ])
  expect(await nodeAnswers(sources).tunnels()).toMatchObject([
    { peer: '1/16', cost: 96, roundTripMs: 4 },
    { peer: '2/16', cost: null, roundTripMs: null },
  ])
})

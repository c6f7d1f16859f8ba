import { expect, it } from 'vitest'
import { networkOfBits } from '../../../src/core/values/prefix.ts'
import { type NodeViewSources, nodeAnswers } from '../../../src/node/node-view.ts'
import type { Route } from '../../../src/node/routing/router.ts'

/** 2001:db8:42::/48 */
const network = networkOfBits('001000000000000100001101101110000000000001000010')

const announced = (prefix: string, refmetric: number): Route => ({
  ...{ prefix, from: '::/0', installed: true, metric: 96 + refmetric, refmetric },
  ...{ via: 'fe80::a', iface: 're6stnet1', routerId: '00:00:00:00:00:00:00:01' },
})

it('the next hop is named, whatever else the neighbour announces as its own', async () => {
  const router = {
    neighbours: [],
    routes: [
      announced('2001:db8:42:1::/64', 0),
      announced('2001:db8:42:2::/64', 96),
      announced('10.42.1.0/24', 0),
      announced('::/0', 0),
    ],
  }
  // What the routes do not follow from is not there.
  const sources = { router, identity: () => ({ authority: { network } }) } as unknown as NodeViewSources
  expect(await nodeAnswers(sources).routes()).toMatchObject([
    { node: '1/16', nextHop: '1/16' },
    { node: '2/16', nextHop: '1/16' },
  ])
})

import { describe, expect, it } from 'vitest'
import { networkOfBits, type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
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

it('the ways to a node are explained, with its IPv4 subnet; of a neighbour that is gone, who it was', async () => {
  const candidate = {
    ...announced('2001:db8:42:5::/64', 96),
    ...{ neighbour: 'fe80::a', linkCost: 96, rttMs: 4, reason: 'selected' as const, feasible: true },
    ...{ smoothedMetric: 192, isDraining: false, isDoubted: false, unansweredMs: undefined },
  }
  const former = {
    iface: 're6stnet2',
    neighbour: 'fe80::b',
    metric: 150,
    cause: 'no answer',
    goneMsAgo: 1_000,
  }
  const lost = { number: 1, atMs: 0, kind: 'neighbour-lost', node: prefixOfBits('0000000000000010') }
  const sources = {
    router: {
      neighbours: [],
      routes: [candidate, { ...announced('10.42.5.0/24', 96) }, announced('0.0.0.0/0', 96)],
      explain: async (prefix: string) => ({
        prefix,
        from: '::/0',
        candidates: [{ ...candidate, prefix }],
        former: [former],
      }),
    },
    nodes: { nodeAt: () => prefixOfBits('0000000000000001') },
    history: { lostNeighbours: () => [{ ...lost, iface: 're6stnet2', via: 'fe80::b' }] },
    config: () => ({ ipv4: undefined }),
    identity: () => ({
      authority: { network },
      certificate: { prefix: prefixOfBits('0000000000000111'), subjectSerial: undefined },
    }),
    nowMs: () => 10_000,
  } as unknown as NodeViewSources
  const { explain } = nodeAnswers(sources)
  const explained = await explain('10.42.5.1')
  expect(explained).toMatchObject({ node: '5/16', own: false })
  expect(explained.destinations.map(({ prefix }) => prefix)).toEqual(['2001:db8:42:5::/64', '10.42.5.0/24'])
  expect(explained.destinations[0]).toMatchObject({
    candidates: [{ nextHop: '1/16', reason: 'taken', announcedMetric: 96, linkCost: 96, unansweredMs: null }],
    former: [{ nextHop: '2/16', metric: 150, cause: 'no answer', since: '1970-01-01T00:00:09.000Z' }],
  })
  expect(await explain('7/16')).toMatchObject({ own: true, destinations: [] })
  await expect(explain('2001:db8:43::1')).rejects.toMatchObject({ code: 'OPTION' })
})

describe('the status of a node', () => {
  const [OWN, REGISTRY, PEER] = ['0000000000000111', '0000000000000000', '0000000000000001'].map(
    prefixOfBits,
  ) as [Prefix, Prefix, Prefix]
  const SINCE_MS = 5_000

  /** @param own of which node @param reachable those to which there are routes; there is a tunnel to each peer all the same */
  function statusOf(own: Prefix, reachable: readonly Prefix[], failures = {}) {
    const sources = {
      identity: () => ({
        ...{ authority: { network, notAfterMs: 0 }, address: '2001:db8:42:7::1' },
        certificate: { prefix: own, subnetName: '7/16', serial: 2n, notBeforeMs: 0, notAfterMs: 86_400_000 },
      }),
      config: () => ({ registryPrefix: REGISTRY, version: new Uint8Array(), crl: new Set(), keys: {} }),
      nodes: { isReachable: (prefix: Prefix) => reachable.includes(prefix), size: reachable.length },
      tunnels: {
        list: () => [
          { direction: 'client', state: 'up', prefix: REGISTRY },
          { direction: 'client', state: 'connecting', prefix: PEER },
          { direction: 'server', state: 'up', prefix: PEER },
        ],
        cutOff: { sinceMs: SINCE_MS, nextAskMs: 12_000 },
        sharedCertificates: [],
      },
      ...{ advertised: () => [], registry: { contact: {} }, draining: {}, failures: () => failures },
      ...{ multicast: () => undefined, uptimeMs: () => 0, nowMs: () => 10_000 },
    } as unknown as NodeViewSources
    return nodeAnswers(sources).status()
  }

  it.each([
    ['there are tunnels, also to the node of the registry, and no route', OWN, [], false],
    ['there are routes, and none to the node of the registry', OWN, [PEER], false],
    ['there is a route to the node of the registry', OWN, [REGISTRY], true],
    ['it is that node, and reaches nobody', REGISTRY, [], false],
    ['it is that node, and reaches anybody', REGISTRY, [PEER], true],
  ])('says whether it is connected where %s', async (_, own, reachable, connected) => {
    expect(await statusOf(own, reachable)).toMatchObject({
      connected,
      cutOff: connected
        ? null
        : {
            ...{ since: '1970-01-01T00:00:05.000Z', registryAskedAt: '1970-01-01T00:00:12.000Z' },
            ...{ connecting: ['1/16'], tunnels: ['0/16'] },
          },
    })
  })

  it('says what is not in effect, whatever it is', async () => {
    const what = ['configuration', 'changes', 'renewal', 'ipv4', 'servers', 'forwarding', 'cache']
    const reasons = Object.fromEntries(what.map((one) => [one, `no ${one}`]))
    expect((await statusOf(OWN, [], reasons)).failing).toEqual(
      what.map((one) => ({ what: one, reason: `no ${one}` })),
    )
    expect((await statusOf(OWN, [])).failing).toEqual([])
  })
})

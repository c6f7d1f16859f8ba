import { expect, test } from 'vitest'
import type { NetworkView } from '../../../../src/core/tunnels/decisions.ts'
import { Usage } from '../../../../src/core/tunnels/patience.ts'
import { TunnelPolicy } from '../../../../src/core/tunnels/policy.ts'
import { PolicyState } from '../../../../src/core/tunnels/policy-state.ts'
import type { Prefix } from '../../../../src/core/values/prefix.ts'
import { seededRandom } from '../../../support/random.ts'
import { tunnelSettings } from '../../../support/tunnels.ts'

const [OWN, REGISTRY, PEER] = ['0001', '0000', '0010'] as [Prefix, Prefix, Prefix]
const SETTINGS = tunnelSettings({ registryPrefix: REGISTRY })
/** A tunnel to the registry's node is in use; PEER is the only other node, and reached by way of that. */
const CONNECTED: NetworkView = {
  isReachable: () => true,
  reachesAnybody: true,
  isRouting: true,
  neighbourChanges: Number.NaN,
  isTunnelDoubted: () => false,
  isTunnelUsable: (target) => target === REGISTRY,
  isClientUsable: () => false,
  isNeighbour: (prefix) => prefix === REGISTRY,
  sampleReachable: () => PEER,
  nodesOver: () => 1,
  addressesOf: () => [{ host: '192.0.2.1', port: 1194, protocol: 'tcp', country: undefined }],
  cachedPeers: () => [],
}
const CUT_OFF: NetworkView = {
  ...CONNECTED,
  ...{ isReachable: () => false, reachesAnybody: false, isTunnelUsable: () => false },
  ...{ isNeighbour: () => false, sampleReachable: () => undefined, cachedPeers: () => [PEER] },
}

/** A node whose tunnels to PEER end as soon as they are up, from some time to another. @returns when each was begun */
function begun(policy: TunnelPolicy, view: NetworkView, fromMs: number, untilMs: number): number[] {
  const times: number[] = []
  for (let nowMs = fromMs; nowMs <= untilMs; ) {
    let isNews = false
    for (const decision of policy.decide(view, nowMs)) {
      if (decision.kind !== 'connect' || decision.target !== PEER) continue
      times.push(nowMs)
      policy.tunnelUp(PEER)
      policy.tunnelDown(PEER, true)
      isNews = true
    }
    nowMs = isNews ? nowMs + 1 : Math.max(nowMs + 1, policy.nextWakeMs)
  }
  return times
}

const newPolicy = (): TunnelPolicy => new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)

test('a tunnel that ends before routing could hear anybody over it is made again, later each time', () => {
  const times = begun(newPolicy(), CONNECTED, 0, 60_000)
  expect(times.map((atMs) => Math.round(atMs / 1_000))).toEqual([0, 1, 3, 7, 15, 31])
})

test('from another network it is made again at once', () => {
  const policy = newPolicy()
  begun(policy, CONNECTED, 0, 60_000)
  expect(begun(policy, CONNECTED, 60_001, 60_100)).toEqual([])
  policy.circumstancesChanged('network')
  expect(begun(policy, CONNECTED, 60_101, 60_101)).toEqual([60_101])
})

test('the others are tried before the peer of such a tunnel', () => {
  const state = new PolicyState(OWN, SETTINGS, seededRandom(1))
  state.endedEarly(PEER, {
    ...{ state: 'up', begunMs: 0, usage: new Usage(), fromCache: false, isExtra: false, isOutdated: false },
    addresses: [],
  })
  expect(state.failed.inOrder([PEER, REGISTRY])).toEqual([REGISTRY, PEER])
})

test('who is cut off makes it again as soon as the registry has answered with it, not when that cannot be asked', () => {
  const policy = newPolicy()
  expect(begun(policy, CUT_OFF, 0, 60_000).length).toBeGreaterThan(1)
  expect(begun(policy, CUT_OFF, 60_001, 60_100)).toEqual([])
  policy.registryAnswered(undefined, 60_100)
  expect(begun(policy, CUT_OFF, 60_101, 60_101)).toEqual([])
  policy.registryAnswered({ prefix: PEER, addresses: CUT_OFF.addressesOf(PEER) }, 60_102)
  expect(begun(policy, CUT_OFF, 60_103, 60_103)).toEqual([60_103])
})

test('one that cannot be reached after that is tried again as soon as somebody can: it was our own connection', () => {
  const policy = newPolicy()
  const connects = (nowMs: number) =>
    [...policy.decide(CUT_OFF, nowMs)].some(({ kind }) => kind === 'connect')
  expect(begun(policy, CUT_OFF, 0, 0)).toEqual([0])
  expect([connects(1), connects(1_001)]).toEqual([false, true])
  policy.tunnelDown(PEER, false)
  expect(connects(1_002)).toBe(false)
  policy.clientUp(REGISTRY)
  expect(connects(1_003)).toBe(true)
})

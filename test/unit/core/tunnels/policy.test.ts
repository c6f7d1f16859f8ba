import { expect, test } from 'vitest'
import { type NetworkView, TunnelPolicy } from '../../../../src/core/tunnels/policy.ts'
import type { TunnelSettings } from '../../../../src/core/tunnels/settings.ts'
import type { Prefix } from '../../../../src/core/values/prefix.ts'
import { seededRandom } from '../../../support/random.ts'

const OWN = '0001' as Prefix
const PEER = '0010' as Prefix
const SETTINGS: TunnelSettings = {
  clientCount: 2,
  refreshMs: 300_000,
  neighbours: new Set(),
  disabledProtocols: new Set(),
  allowsIpv6: true,
  hasServers: true,
  registryPrefix: '0000' as Prefix,
  sameCountry: [],
  ownCountry: undefined,
  countryOf: () => undefined,
  isInside: () => false,
}
/** Cut off: one peer is known from before. */
const VIEW: NetworkView = {
  isReachable: () => false,
  isNeighbour: () => false,
  sampleReachable: () => undefined,
  nodesOver: () => 0,
  addressesOf: () => [{ host: '192.0.2.1', port: 1194, protocol: 'udp', country: undefined }],
  cachedPeers: () => [PEER],
}

const isConnecting = (policy: TunnelPolicy, nowMs: number): boolean =>
  policy.decide(VIEW, nowMs).some((decision) => decision.kind === 'connect' && decision.prefix === PEER)

test('a peer that failed is not tried again before the next refresh', () => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  expect(isConnecting(policy, 0)).toBe(true)
  policy.tunnelDown(PEER, false)
  expect(isConnecting(policy, 1_000)).toBe(false)
  expect(isConnecting(policy, SETTINGS.refreshMs)).toBe(true)
})

test.each(['before', 'after'])(
  'with a renewed certificate it is, if the tunnel ended %s the renewal',
  (when) => {
    const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
    expect(isConnecting(policy, 0)).toBe(true)
    if (when === 'before') policy.tunnelDown(PEER, false)
    policy.identityRenewed()
    if (when === 'after') policy.tunnelDown(PEER, false)
    expect(isConnecting(policy, 1_000)).toBe(true)
  },
)

test('when our clock was set it is', () => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  expect(isConnecting(policy, 0)).toBe(true)
  policy.tunnelDown(PEER, false)
  policy.clockSet()
  expect(isConnecting(policy, 1_000)).toBe(true)
})

test.each(['before', 'after'])('when our network has changed it is, if the tunnel ended %s that', (when) => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  expect(isConnecting(policy, 0)).toBe(true)
  if (when === 'before') policy.tunnelDown(PEER, false)
  policy.networkChanged()
  if (when === 'after') policy.tunnelDown(PEER, false)
  expect(isConnecting(policy, 1_000)).toBe(true)
})

test('when our network has changed all that failed are tried again', () => {
  const others = ['0011', '0100'] as Prefix[]
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  const view = { ...VIEW, cachedPeers: () => [PEER, ...others] }
  const connects = (nowMs: number) =>
    policy.decide(view, nowMs).flatMap((decision) => (decision.kind === 'connect' ? [decision.prefix] : []))
  const failing = connects(0)
  for (const prefix of failing) policy.tunnelDown(prefix, false)
  const [last = PEER] = connects(1_000)
  policy.tunnelDown(last, false)
  expect(connects(2_000)).toEqual([])
  policy.networkChanged()
  const again = connects(3_000)
  expect(again).toHaveLength(2)
  const [one = PEER, other = PEER] = again
  policy.tunnelDown(one, false)
  policy.networkChanged()
  // It was begun before the change.
  policy.tunnelDown(other, false)
  expect(connects(4_000)).toHaveLength(2)
})

test('peers that failed while there was no tunnel are tried again when there is one', () => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  expect(isConnecting(policy, 0)).toBe(true)
  policy.tunnelDown(PEER, false)
  policy.clientUp('0111' as Prefix)
  expect(isConnecting(policy, 1_000)).toBe(true)
})

test('who was reached by others not long ago makes all its tunnels, although nobody is connected', () => {
  const policy = new TunnelPolicy(OWN, { ...SETTINGS, clientCount: 5 }, seededRandom(1), 0)
  const peers = Array.from({ length: 8 }, (_, index) => `1${index.toString(2).padStart(3, '0')}` as Prefix)
  const view = { ...VIEW, cachedPeers: () => peers }
  const connects = (nowMs: number) =>
    policy.decide(view, nowMs).flatMap((decision) => (decision.kind === 'connect' ? [decision.prefix] : []))
  const begun = connects(0)
  expect(begun).toHaveLength(2)
  policy.clientUp(PEER)
  policy.clientDown(PEER)
  expect(connects(1_000)).toHaveLength(3)
  connects(SETTINGS.refreshMs)
  for (const prefix of peers) policy.tunnelDown(prefix, false)
  expect(connects(2 * SETTINGS.refreshMs)).toHaveLength(2)
})

test('when the network of this machine has changed the registry is asked at once', () => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  const isAsking = (nowMs: number) => policy.decide(VIEW, nowMs).some(({ kind }) => kind === 'ask-registry')
  for (let nowMs = 0, asked = 0; asked < 10; nowMs = policy.nextWakeMs) {
    if (isAsking(nowMs)) asked++
    policy.bootstrapAnswered(undefined, nowMs)
  }
  const waitingMs = policy.nextWakeMs
  expect(isAsking(waitingMs - 20_000)).toBe(false)
  policy.networkChanged()
  expect(isAsking(waitingMs - 20_000)).toBe(true)
})

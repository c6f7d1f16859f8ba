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

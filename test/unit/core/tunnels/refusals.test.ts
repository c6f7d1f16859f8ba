import { expect, it } from 'vitest'
import {
  ANYONE,
  type NetworkView,
  type TunnelStrategy,
  type TunnelTarget,
} from '../../../../src/core/tunnels/decisions.ts'
import { FixedRemotes } from '../../../../src/core/tunnels/fixed-remotes.ts'
import { TunnelPolicy } from '../../../../src/core/tunnels/policy.ts'
import { type PeerAddress, parseAddressList } from '../../../../src/core/values/address-list.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { seededRandom } from '../../../support/random.ts'
import { tunnelSettings } from '../../../support/tunnels.ts'

const [OWN, REGISTRY, PEER] = ['0001', '0000', '0010'].map(prefixOfBits) as [Prefix, Prefix, Prefix]
const { addresses: ADDRESSES } = parseAddressList('192.0.2.1,1194,udp')
const SETTINGS = tunnelSettings({ registryPrefix: REGISTRY })

const POLICY = {
  target: PEER as TunnelTarget,
  make: () => new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0) as TunnelStrategy,
}
const CLIENT = {
  target: ANYONE as TunnelTarget,
  make: () => new FixedRemotes(OWN, SETTINGS, ADDRESSES, seededRandom(1)) as TunnelStrategy,
}
const MINUTE_MS = 60_000

/**
 * A node that knows one peer. @param fate what becomes of each tunnel; the registry proposes the peer whenever it is
 * asked
 */
function rig({ target, make }: typeof POLICY, fate: 'refused' | 'taken', addresses: readonly PeerAddress[]) {
  const strategy = make()
  let nowMs = 0
  let isUp = false
  let upForMs = 100
  const view: NetworkView = {
    isRouting: true,
    neighbourChanges: Number.NaN,
    isReachable: () => isUp,
    get reachesAnybody() {
      return isUp
    },
    isTunnelDoubted: () => false,
    isTunnelUsable: () => isUp,
    isClientUsable: () => false,
    isNeighbour: () => isUp,
    sampleReachable: () => undefined,
    nodesOver: () => 0,
    addressesOf: () => addresses,
    cachedPeers: () => [PEER],
  }
  let downMs = Number.POSITIVE_INFINITY
  const decide = (): boolean => {
    let hasBegun = false
    for (const decision of strategy.decide(view, nowMs)) {
      if (decision.kind === 'ask-registry') strategy.registryAnswered({ prefix: PEER, addresses }, nowMs)
      if (decision.kind !== 'connect') continue
      hasBegun = true
      downMs = nowMs + upForMs
      if (fate === 'refused') continue
      strategy.tunnelUp(target, addresses[0])
      isUp = true
    }
    return hasBegun
  }
  /** @returns when tunnels were begun, in seconds */
  const pass = (ms: number): number[] => {
    const endMs = nowMs + ms
    const begun: number[] = []
    for (;;) {
      if (nowMs >= downMs) {
        downMs = Number.POSITIVE_INFINITY
        isUp = false
        strategy.tunnelDown(target, false, true)
      }
      if (decide()) begun.push(Math.round(nowMs / 1000))
      const nextMs = Math.max(nowMs + 20, Math.min(strategy.nextWakeMs, downMs))
      if (nextMs > endMs) break
      nowMs = nextMs
    }
    nowMs = endMs
    return begun
  }
  const last = (ms: number) => {
    upForMs = ms
  }
  return { strategy, pass, last }
}

const KINDS = [
  ['a policy', POLICY],
  ['--client', CLIENT],
] as const
const FATES = ['refused', 'taken'] as const

for (const [kind, which] of KINDS)
  for (const fate of FATES) {
    it(`${kind}: a peer that has ${fate} the tunnel is tried again after a second, and then twice as long`, () => {
      const { pass } = rig(which, fate, ADDRESSES)
      const begun = pass(5 * MINUTE_MS)
      expect(begun.length).toBeGreaterThan(1)
      expect(begun.length).toBeLessThan(10)
      // For as long as that goes on, not twice in the longest delay.
      const later = pass(60 * MINUTE_MS)
      expect(later.length).toBeGreaterThan(5)
      expect(later.length).toBeLessThan(14)
    })

    it(`${kind}: a network of ours that has changed, or a tunnel that has lasted, begins anew (${fate})`, () => {
      const { strategy, pass, last } = rig(which, fate, ADDRESSES)
      pass(20 * MINUTE_MS)
      strategy.circumstancesChanged('network')
      const again = pass(5_000)
      expect(again.length).toBeGreaterThan(1)
      if (fate === 'refused') return
      last(11 * MINUTE_MS)
      pass(30 * MINUTE_MS)
      last(100)
      // One of 11 minutes ends, and then each after a tenth of a second.
      expect(pass(15 * MINUTE_MS).length).toBeGreaterThan(4)
    })
  }

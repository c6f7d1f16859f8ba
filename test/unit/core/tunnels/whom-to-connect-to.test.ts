import { describe, expect, it } from 'vitest'
import type { NetworkView, TunnelDecision } from '../../../../src/core/tunnels/decisions.ts'
import { TunnelPolicy } from '../../../../src/core/tunnels/policy.ts'
import type { TunnelSettings } from '../../../../src/core/tunnels/settings.ts'
import type { PeerAddress, TunnelProtocol } from '../../../../src/core/values/address-list.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { seededRandom } from '../../../support/random.ts'
import { tunnelSettings } from '../../../support/tunnels.ts'

const [REGISTRY, OWN, FRENCH, GERMAN, NOWHERE, CLIENT] = ['000', '001', '010', '011', '100', '111'].map(
  prefixOfBits,
) as [Prefix, Prefix, Prefix, Prefix, Prefix, Prefix]

const address = (country: string | undefined, protocol: TunnelProtocol = 'tcp'): PeerAddress => ({
  host: `${country ?? 'x'}.example.com`,
  port: 1194,
  protocol,
  country,
})

const SETTINGS = tunnelSettings({
  registryPrefix: REGISTRY,
  clientCount: 10,
  sameCountry: ['FR'],
  countryOf: ({ country }) => country,
  isInside: (host) => host.startsWith('2001:db8:42:'),
})

/** A network in which everybody is known and reachable, and nobody is a neighbour. */
const view = (addresses: ReadonlyMap<Prefix, readonly PeerAddress[]>): NetworkView => ({
  isReachable: () => true,
  reachesAnybody: true,
  isRouting: true,
  neighbourChanges: Number.NaN,
  isTunnelDoubted: () => false,
  isTunnelUsable: () => true,
  isClientUsable: () => true,
  isNeighbour: () => false,
  sampleReachable: (random) => [...addresses.keys()][Math.floor(random.next() * addresses.size)],
  nodesOver: () => 0,
  addressesOf: (prefix) => addresses.get(prefix) ?? [],
  cachedPeers: () => [...addresses.keys()],
})

const ALL = new Map([
  [FRENCH, [address('FR')]],
  [GERMAN, [address('DE')]],
  [NOWHERE, [address(undefined)]],
])

/** Of a node to which somebody has connected: it makes all its tunnels. */
function policy(settings: Partial<TunnelSettings> = {}): TunnelPolicy {
  const made = new TunnelPolicy(OWN, { ...SETTINGS, ...settings }, seededRandom(1), 0)
  made.clientUp(CLIENT)
  return made
}

const peersOf = (decisions: readonly TunnelDecision[], kind: TunnelDecision['kind']): Prefix[] =>
  decisions
    .flatMap((decision) => {
      if (decision.kind !== kind) return []
      if ('target' in decision) return decision.target === 'anyone' ? [] : [decision.target]
      return 'prefix' in decision ? [decision.prefix] : []
    })
    .sort()

describe('with a country that stays among itself', () => {
  it.each([
    ['FR', [FRENCH, NOWHERE]],
    ['DE', [GERMAN, NOWHERE]],
    ['JP', [GERMAN, NOWHERE]],
    [undefined, [FRENCH, GERMAN, NOWHERE]],
  ])('a node in %s connects to its own side of the border', (ownCountry, expected) => {
    expect(peersOf(policy({ ownCountry }).decide(view(ALL), 0), 'connect')).toEqual(expected)
  })

  it('nodes of a network without borders do not care', () => {
    const decisions = policy({ ownCountry: 'FR', sameCountry: [] }).decide(view(ALL), 0)
    expect(peersOf(decisions, 'connect')).toEqual([FRENCH, GERMAN, NOWHERE])
  })

  it('a node takes the word of others for where an address is that does not say so', () => {
    const decisions = policy({ ownCountry: 'FR', countryOf: () => 'FR' }).decide(view(ALL), 0)
    expect(peersOf(decisions, 'connect')).toEqual([FRENCH, GERMAN, NOWHERE])
  })

  it('a peer is waited for while it is being asked where it is, and connected when nobody knows', () => {
    const unlocated = new Map([[NOWHERE, [address(undefined)]]])
    const it = policy({ ownCountry: 'FR', isBeingLocated: () => true })
    expect(it.decide(view(unlocated), 0)).toEqual([])
    it.configure({ ...SETTINGS, ownCountry: 'FR' })
    expect(peersOf(it.decide(view(unlocated), 1), 'connect')).toEqual([NOWHERE])
    const other = policy({ ownCountry: 'FR', isBeingLocated: () => true })
    other.decide(view(unlocated), 0)
    other.configure({ ...SETTINGS, ownCountry: 'FR', countryOf: () => 'DE' })
    expect(peersOf(other.decide(view(unlocated), 1), 'connect')).toEqual([])
  })

  it('a node that learns where it is closes what crosses the border, once', () => {
    const it = policy()
    it.decide(view(ALL), 0)
    for (const prefix of ALL.keys()) it.tunnelUp(prefix)
    it.configure({ ...SETTINGS, ownCountry: 'FR' })
    expect(peersOf(it.decide(view(ALL), 1), 'close-now')).toEqual([GERMAN])
    const after = it.decide(view(ALL), 2)
    expect(peersOf(after, 'close-now')).toEqual([])
    it.tunnelDown(GERMAN, true)
    expect(peersOf(it.decide(view(ALL), 3), 'connect')).toEqual([])
  })
})

describe('a peer that must be a neighbour', () => {
  it('gets its tunnel even if there are enough', () => {
    const it = policy({ sameCountry: [], clientCount: 1 })
    const [first] = peersOf(it.decide(view(ALL), 0), 'connect')
    expect(first).toBeDefined()
    if (first) it.tunnelUp(first)
    const missing = [...ALL.keys()].find((prefix) => prefix !== first) as Prefix
    it.configure({ ...SETTINGS, sameCountry: [], clientCount: 1, neighbours: new Set([missing]) })
    expect(peersOf(it.decide(view(ALL), 1), 'connect')).toEqual([missing])
  })

  it('gets it as soon as it is seen, whatever was tried before', () => {
    const it = policy({ sameCountry: [], clientCount: 1, neighbours: new Set([FRENCH]) })
    const unseen = { ...view(ALL), isReachable: (prefix: Prefix) => prefix === REGISTRY }
    const nowhere = { ...unseen, addressesOf: () => [], sampleReachable: () => undefined }
    expect(peersOf(it.decide(nowhere, 0), 'connect')).toEqual([])
    // An old address, of no use.
    expect(peersOf(it.decide(unseen, 1), 'connect')).toEqual([FRENCH])
    it.tunnelDown(FRENCH, false)
    expect(peersOf(it.decide({ ...unseen, sampleReachable: () => undefined }, 2), 'connect')).toEqual([])
    expect(peersOf(it.decide(view(ALL), 3), 'ask-addresses')).toEqual([FRENCH])
    it.addressesLearnt(FRENCH, [address('FR')])
    expect(peersOf(it.decide(view(ALL), 4), 'connect')).toEqual([FRENCH])
  })

  it('is asked again when it did not say where it is; another one has to wait', () => {
    const it = policy({ sameCountry: [], neighbours: new Set([FRENCH]) })
    const unknown = { ...view(ALL), addressesOf: () => [] }
    expect(peersOf(it.decide(unknown, 0), 'ask-addresses')).toEqual([FRENCH, GERMAN, NOWHERE])
    expect(peersOf(it.decide(unknown, 10_000), 'ask-addresses')).toEqual([FRENCH])
  })

  it.each(['does not answer', 'answers, and routing hears nobody'])(
    'is tried again when it %s, after twice as long each time; another one has to wait',
    (what) => {
      const it = policy({ sameCountry: [], clientCount: 3, neighbours: new Set([FRENCH]) })
      const begun: [seconds: number, prefix: Prefix][] = []
      for (let nowMs = 0; nowMs < 60_000; nowMs += 500)
        for (const decision of it.decide(view(ALL), nowMs)) {
          const prefix = 'target' in decision && decision.target !== 'anyone' ? decision.target : undefined
          // What it says of itself is what we knew.
          if (decision.kind === 'ask-addresses') it.addressesLearnt(decision.prefix, [address('FR')])
          if (prefix === undefined || decision.kind !== 'connect') continue
          begun.push([nowMs / 1000, prefix])
          if (what !== 'does not answer') it.tunnelUp(prefix)
          it.tunnelDown(prefix, true)
        }
      const timesOf = (one: Prefix) =>
        begun.filter(([, prefix]) => prefix === one).map(([seconds]) => seconds)
      // Who lets us in is tried again, too: it may have been our own connection that failed.
      if (what === 'does not answer') expect(timesOf(GERMAN).at(-1)).toBeLessThan(5)
      else expect(timesOf(GERMAN).length).toBeLessThan(16)
      const times = [...new Set(timesOf(FRENCH))]
      expect(times[0]).toBe(0)
      expect(times.at(-1)).toBeGreaterThan(25)
      expect(times.length).toBeGreaterThan(4)
      expect(timesOf(FRENCH).length).toBeLessThan(16)
    },
  )

  it('keeps it at a refresh', () => {
    const neighbours = new Set([FRENCH, GERMAN])
    const it = policy({ sameCountry: [], clientCount: 2, neighbours })
    expect(peersOf(it.decide(view(ALL), 0), 'connect')).toEqual([FRENCH, GERMAN])
    const more = policy({ sameCountry: [], clientCount: 3, neighbours })
    const other = prefixOfBits('101')
    const network = view(new Map([...ALL, [other, [address('FR')]]]))
    expect(peersOf(more.decide(view(ALL), 0), 'connect')).toEqual([FRENCH, GERMAN, NOWHERE])
    for (const prefix of ALL.keys()) more.tunnelUp(prefix)
    more.decide(network, 1)
    expect(peersOf(more.decide(network, 300_001), 'close')).toEqual([NOWHERE])
    // Also when there is none to another: it would be made again at once.
    for (const prefix of neighbours) it.tunnelUp(prefix)
    for (let nowMs = 0; nowMs < 3_000_000; nowMs += 100_000)
      expect(peersOf(it.decide(network, nowMs), 'close')).toEqual([])
  })
})

describe('where the node of the registry is gone', () => {
  const DEAD = Array.from({ length: 6 }, (_, index) =>
    prefixOfBits(`11${index.toString(2).padStart(3, '0')}`),
  )
  const known = new Map<Prefix, readonly PeerAddress[]>([
    ...ALL,
    ...DEAD.map((prefix) => [prefix, [address('FR')]] as const),
  ])
  const isAlive = (prefix: Prefix) => ALL.has(prefix)
  const parted: NetworkView = {
    ...view(known),
    isReachable: isAlive,
    sampleReachable: (random) => [...ALL.keys()][Math.floor(random.next() * ALL.size)],
  }

  it('those who are seen come first, and one at a time of those who are not', () => {
    const it = policy({ sameCountry: [], clientCount: 3 })
    const connecting = new Set(peersOf(it.decide(parted, 0), 'connect'))
    expect([...connecting].filter(isAlive).sort()).toEqual([...ALL.keys()].sort())
    expect([...connecting].filter((prefix) => !isAlive(prefix))).toHaveLength(1)
    const tried = new Set<Prefix>()
    for (let nowMs = 1_000; nowMs < 1_000_000; nowMs += 10_000) {
      for (const prefix of [...connecting]) {
        connecting.delete(prefix)
        if (isAlive(prefix)) it.tunnelUp(prefix)
        else it.tunnelDown(prefix, false)
      }
      for (const decision of it.decide(parted, nowMs)) {
        if (decision.kind === 'connect' && decision.target !== 'anyone') connecting.add(decision.target)
        if (decision.kind === 'close' && decision.target !== 'anyone') it.tunnelDown(decision.target, true)
        if (decision.kind === 'ask-registry') it.registryAnswered(undefined, nowMs)
      }
      const dead = [...connecting].filter((prefix) => !isAlive(prefix))
      expect(dead.length).toBeLessThanOrEqual(1)
      for (const prefix of dead) tried.add(prefix)
    }
    expect([...tried].sort()).toEqual([...DEAD].sort())
  })

  it('a place that gets free is for those who are seen, whoever is being tried', () => {
    const it = policy({ sameCountry: [], clientCount: 2 })
    const seen = peersOf(it.decide(parted, 0), 'connect').filter(isAlive)
    expect(seen).toHaveLength(2)
    for (const prefix of seen) it.tunnelUp(prefix)
    const [lost] = seen
    if (lost) it.tunnelDown(lost, true)
    expect(peersOf(it.decide(parted, 1_000), 'connect').filter(isAlive)).toHaveLength(1)
  })

  it('who sees nobody tries as many as it wants', () => {
    const it = policy({ sameCountry: [], clientCount: 3 })
    const alone = {
      ...parted,
      isReachable: () => false,
      reachesAnybody: false,
      sampleReachable: () => undefined,
    }
    expect(peersOf(it.decide(alone, 0), 'connect')).toHaveLength(3)
  })
})

it('a tunnel that was just made is not replaced: the time begins anew with each', () => {
  const it = policy({ sameCountry: [], clientCount: 3 })
  const network = view(new Map([...ALL, [prefixOfBits('101'), [address('FR')]]]))
  it.decide(view(ALL), 0)
  for (const prefix of [FRENCH, GERMAN]) it.tunnelUp(prefix)
  it.decide(network, 149_000)
  it.tunnelUp(NOWHERE)
  it.decide(network, 149_001)
  expect(peersOf(it.decide(network, 298_000), 'close')).toEqual([])
  expect(peersOf(it.decide(network, 449_001), 'close')).toHaveLength(1)
})

it('who serves nobody makes two tunnels: it only takes from the network', () => {
  const taker = new TunnelPolicy(OWN, { ...SETTINGS, sameCountry: [] }, seededRandom(1), 0)
  expect(peersOf(taker.decide(view(ALL), 0), 'connect')).toHaveLength(2)
  taker.clientUp(CLIENT)
  expect(peersOf(taker.decide(view(ALL), 1), 'connect')).toHaveLength(1)
})

describe('peers whose addresses nobody knows', () => {
  const STRANGERS = Array.from({ length: 60 }, (_, index) =>
    prefixOfBits(`1${index.toString(2).padStart(6, '0')}`),
  )
  const strange = { ...view(new Map(STRANGERS.map((prefix) => [prefix, []]))), cachedPeers: () => [] }

  it('are asked, no more of them than tunnels are missing, however often something happens', () => {
    const it = policy({ sameCountry: [], clientCount: 3 })
    const asked: Prefix[] = []
    const decide = (nowMs: number) => asked.push(...peersOf(it.decide(strange, nowMs), 'ask-addresses'))
    for (let nowMs = 0; nowMs < 1_000; nowMs += 20) decide(nowMs)
    expect(asked).toHaveLength(3)
    // One answers: a tunnel in place of a question. Another goes down: a question in place of a tunnel.
    const [one] = asked
    if (one) it.addressesLearnt(one, [address(undefined)])
    expect(peersOf(it.decide(strange, 1_000), 'connect')).toEqual([one])
    decide(1_020)
    expect(asked).toHaveLength(3)
    if (one) it.tunnelDown(one, true)
    for (let nowMs = 1_040; nowMs < 1_500; nowMs += 20) decide(nowMs)
    expect(asked).toHaveLength(4)
  })

  it('and say nothing, are not waited for long: others are asked beside them', () => {
    const it = policy({ sameCountry: [], clientCount: 3 })
    it.decide(strange, 0)
    expect(it.nextWakeMs).toBeLessThanOrEqual(2_000)
    expect(peersOf(it.decide(strange, 2_000), 'ask-addresses')).toHaveLength(3)
  })

  it('are not waited for at all by who has just been cut off', () => {
    const it = policy({ sameCountry: [], clientCount: 3 })
    expect(it.decide(strange, 0)).toHaveLength(3)
    const alone = {
      ...view(ALL),
      ...{ isReachable: () => false, reachesAnybody: false, sampleReachable: () => undefined },
    }
    expect(peersOf(it.decide(alone, 100), 'connect')).toEqual([FRENCH, GERMAN, NOWHERE])
  })
})

it('a peer that failed is tried again when the registry proposes it', () => {
  const it = policy({ sameCountry: [] })
  const alone = {
    ...view(ALL),
    isReachable: () => false,
    reachesAnybody: false,
    sampleReachable: () => undefined,
  }
  expect(peersOf(it.decide(alone, 0), 'connect')).toEqual([FRENCH, GERMAN, NOWHERE])
  for (const prefix of ALL.keys()) it.tunnelDown(prefix, false)
  expect(peersOf(it.decide(alone, 1), 'connect')).toEqual([])
  it.registryAnswered({ prefix: GERMAN, addresses: [address('DE')] }, 2)
  expect(peersOf(it.decide(alone, 2), 'connect')).toEqual([GERMAN])
})

describe('an address of the network itself', () => {
  const inside = { host: '2001:db8:42:7::1', port: 1194, protocol: 'tcp6', country: 'FR' } as const

  it('is passed over', () => {
    const addresses = new Map([[FRENCH, [inside, address('FR')]]])
    const [connect] = policy({}).decide(view(addresses), 0)
    expect(connect).toMatchObject({ kind: 'connect', addresses: [address('FR')] })
  })

  it('is none if there is no other: the peer is asked', () => {
    expect(policy({}).decide(view(new Map([[FRENCH, [inside]]])), 0)).toMatchObject([
      { kind: 'ask-addresses', prefix: FRENCH },
    ])
  })
})

describe('the protocols', () => {
  const both = new Map([[FRENCH, [address('FR', 'udp'), address('FR', 'tcp6'), address('FR', 'tcp')]]])
  it.each([
    ['none of them disabled', new Set<TunnelProtocol>(), true, ['udp', 'tcp6', 'tcp']],
    ['the default', new Set<TunnelProtocol>(['udp', 'udp6']), true, ['tcp6', 'tcp']],
    ['no IPv6 below', new Set<TunnelProtocol>(), false, ['udp', 'tcp']],
    ['all but one disabled', new Set<TunnelProtocol>(['udp', 'udp6', 'tcp']), true, ['tcp6']],
  ])('with %s', (_, disabledProtocols, allowsIpv6, expected) => {
    const [connect] = policy({ disabledProtocols, allowsIpv6 }).decide(view(both), 0)
    expect(connect).toMatchObject({ kind: 'connect', addresses: expected.map((protocol) => ({ protocol })) })
  })
})

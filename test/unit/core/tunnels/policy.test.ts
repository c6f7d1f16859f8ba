import { describe, expect, test } from 'vitest'
import type { NetworkView } from '../../../../src/core/tunnels/decisions.ts'
import { TunnelPolicy } from '../../../../src/core/tunnels/policy.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { seededRandom } from '../../../support/random.ts'
import { tunnelSettings } from '../../../support/tunnels.ts'

const OWN = '0001' as Prefix
const PEER = '0010' as Prefix
const SETTINGS = tunnelSettings({ registryPrefix: '0000' as Prefix })
/** Cut off: one peer is known from before. */
const VIEW: NetworkView = {
  isReachable: () => false,
  reachesAnybody: false,
  isRouting: true,
  neighbourChanges: Number.NaN,
  isTunnelDoubted: () => false,
  isTunnelUsable: () => false,
  isClientUsable: () => false,
  isNeighbour: () => false,
  sampleReachable: () => undefined,
  nodesOver: () => 0,
  addressesOf: () => [{ host: '192.0.2.1', port: 1194, protocol: 'udp', country: undefined }],
  cachedPeers: () => [PEER],
}

const isConnecting = (policy: TunnelPolicy, nowMs: number): boolean =>
  policy.decide(VIEW, nowMs).some((decision) => decision.kind === 'connect' && decision.target === PEER)

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
    policy.circumstancesChanged('identity')
    if (when === 'after') policy.tunnelDown(PEER, false)
    expect(isConnecting(policy, 1_000)).toBe(true)
  },
)

test('when our clock was set it is', () => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  expect(isConnecting(policy, 0)).toBe(true)
  policy.tunnelDown(PEER, false)
  policy.circumstancesChanged('clock')
  expect(isConnecting(policy, 1_000)).toBe(true)
})

test.each(['before', 'after'])('when our network has changed it is, if the tunnel ended %s that', (when) => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  expect(isConnecting(policy, 0)).toBe(true)
  if (when === 'before') policy.tunnelDown(PEER, false)
  policy.circumstancesChanged('network')
  if (when === 'after') policy.tunnelDown(PEER, false)
  expect(isConnecting(policy, 1_000)).toBe(true)
})

describe('a tunnel over which routing hears nobody', () => {
  const [REGISTRY, GOOD, OTHER] = ['0000', '0100', '0101'].map(prefixOfBits) as [Prefix, Prefix, Prefix]
  const HELLO_MS = SETTINGS.helloIntervalMs

  /** Cut off; the cache knows these. */
  function rig(...cached: readonly Prefix[]) {
    const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
    const used = new Set<Prefix | 'anyone'>()
    const reachable = new Set<Prefix>()
    let isRouting = true
    let nowMs = 0
    const view: NetworkView = {
      ...VIEW,
      get isRouting() {
        return isRouting
      },
      get reachesAnybody() {
        return reachable.size > 0
      },
      isReachable: (prefix) => reachable.has(prefix),
      sampleReachable: () => [...reachable][0],
      isTunnelUsable: (target) => used.has(target),
      cachedPeers: () => cached,
    }
    const route = (is: boolean) => {
      isRouting = is
    }
    /** Lets time pass; tunnels are up at once. @returns what was decided, with the time in seconds */
    const pass = (ms: number): string[] => {
      const endMs = nowMs + ms
      const decided: string[] = []
      for (;;) {
        const decisions = policy.decide(view, nowMs)
        for (const decision of decisions) {
          const about =
            'target' in decision ? ` ${decision.target}` : 'prefix' in decision ? ` ${decision.prefix}` : ''
          if (decision.kind !== 'ask-registry')
            decided.push(`${Math.round(nowMs / 1000)} ${decision.kind}${about}`)
          if (decision.kind === 'connect') policy.tunnelUp(decision.target)
          if (decision.kind === 'give-up') policy.tunnelDown(decision.target, false)
        }
        const wakeMs = decisions.length > 0 ? nowMs + 1 : Math.max(nowMs + 1, policy.nextWakeMs)
        if (wakeMs > endMs) break
        nowMs = wakeMs
      }
      nowMs = endMs
      return decided
    }
    const propose = (prefix: Prefix) =>
      policy.registryAnswered({ prefix, addresses: VIEW.addressesOf(prefix) }, nowMs)
    return { policy, used, reachable, pass, propose, route }
  }

  test('has failed after four hello intervals; then come others, and it again when there is nobody else', () => {
    const { policy, used, pass, propose } = rig(PEER, OTHER)
    expect(pass(4 * HELLO_MS - 1).sort()).toEqual([`0 connect ${PEER}`, `0 connect ${OTHER}`].sort())
    expect(pass(1_000).sort()).toEqual([`60 give-up ${PEER}`, `60 give-up ${OTHER}`].sort())
    propose(GOOD)
    used.add(GOOD)
    expect(pass(1_000)).toEqual([`61 connect ${GOOD}`])
    expect(pass(10 * HELLO_MS)).toEqual([])
    // The registry knows only one that was of no use: the other one has waited longer.
    propose(PEER)
    expect(pass(0)).toHaveLength(1)
    policy.registryAnswered(undefined, 0)
  })

  test('holds no place against whom the registry proposes, for longer than it may soon be of use', () => {
    const { pass, propose } = rig(PEER, OTHER)
    expect(pass(1_000)).toHaveLength(2)
    propose(GOOD)
    expect(pass(HELLO_MS)).toEqual([])
    expect(pass(6_000)).toEqual([`20 connect ${GOOD}`])
  })

  test('of who has none, what does not answer holds up nobody for longer than two seconds', () => {
    const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
    const proposed = ['0100', '0101', '0110'] as Prefix[]
    const begun = proposed.map((prefix, count) => {
      const nowMs = count * 3_000
      policy.registryAnswered({ prefix, addresses: VIEW.addressesOf(PEER) }, nowMs)
      return policy.decide(VIEW, nowMs).some(({ kind }) => kind === 'connect')
    })
    expect(begun).toEqual([true, true, true])
  })

  test('counts again as soon as somebody is heard, and anew when he is not heard any more', () => {
    const { used, reachable, pass } = rig(PEER)
    pass(3 * HELLO_MS)
    for (const prefix of [PEER, REGISTRY]) used.add(prefix)
    reachable.add(REGISTRY)
    expect(pass(100 * HELLO_MS)).toEqual([`45 connect ${REGISTRY}`])
    used.delete(PEER)
    expect(pass(4 * HELLO_MS - 1_000)).toEqual([])
    expect(pass(2_000)).toEqual([`${(103 + 4) * 15} give-up ${PEER}`])
  })

  test('is not to blame while routing does not run', () => {
    const { pass, route } = rig(PEER)
    route(false)
    expect(pass(10 * HELLO_MS)).toEqual([`0 connect ${PEER}`])
    route(true)
    expect(pass(4 * HELLO_MS - 1_000)).toEqual([])
    expect(pass(2_000)).toHaveLength(1)
  })

  test('gets new time with other keys of routing', () => {
    const { policy, pass } = rig(PEER)
    pass(3 * HELLO_MS)
    policy.circumstancesChanged('routing-keys')
    expect(pass(3 * HELLO_MS)).toEqual([])
  })

  test('is dropped where it ends at a server, if it can be told', () => {
    const { policy, pass } = rig()
    policy.clientUp(PEER)
    expect(pass(5 * HELLO_MS - 1)).toEqual([])
    expect(pass(1_000)).toEqual([`75 drop-client ${PEER}`])
  })
})

test('a peer that lets us in and hangs up at once is not tried again at once', () => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  expect(isConnecting(policy, 0)).toBe(true)
  policy.tunnelUp(PEER)
  policy.tunnelDown(PEER, false)
  expect(isConnecting(policy, 1_000)).toBe(false)
})

test('a tunnel to the registry’s node is no connection: only a route to it is', () => {
  const policy = new TunnelPolicy(OWN, { ...SETTINGS, registryPrefix: PEER }, seededRandom(1), 0)
  expect(policy.decide(VIEW, 0)).toMatchObject([{ kind: 'connect' }, { kind: 'ask-registry' }])
  policy.tunnelUp(PEER)
  policy.registryAnswered(undefined, 0)
  expect(policy.decide(VIEW, 10_000)).toMatchObject([{ kind: 'ask-registry' }])
  expect(policy.cutOff?.sinceMs).toBe(0)
  policy.decide({ ...VIEW, isReachable: () => true, reachesAnybody: true }, 20_000)
  expect(policy.cutOff).toBeUndefined()
})

test('when our network has changed all that failed are tried again', () => {
  const others = ['0011', '0100'] as Prefix[]
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  const view = { ...VIEW, cachedPeers: () => [PEER, ...others] }
  const connects = (nowMs: number) =>
    policy
      .decide(view, nowMs)
      .flatMap((decision) => (decision.kind === 'connect' ? [decision.target as Prefix] : []))
  const failing = connects(0)
  for (const prefix of failing) policy.tunnelDown(prefix, false)
  const [last = PEER] = connects(1_000)
  policy.tunnelDown(last, false)
  expect(connects(2_000)).toEqual([])
  policy.circumstancesChanged('network')
  const again = connects(3_000)
  expect(again).toHaveLength(2)
  const [one = PEER, other = PEER] = again
  policy.tunnelDown(one, false)
  policy.circumstancesChanged('network')
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

test.each([
  ['smaller', '0100', 'connecting', true],
  ['smaller', '0100', 'up', false],
  ['greater', '0000', 'connecting', false],
] as const)(
  'of two that connect to each other, the %s prefix (than %s), with its own tunnel %s, gives that up at once: %s',
  (_, peer, state, givesUp) => {
    const prefix = prefixOfBits(peer)
    const policy = new TunnelPolicy(OWN, { ...SETTINGS, registryPrefix: OWN }, seededRandom(1), 0)
    const view = { ...VIEW, cachedPeers: () => [prefix] }
    expect(policy.decide(view, 0)).toMatchObject([
      { kind: 'connect', target: prefix },
      { kind: 'ask-registry' },
    ])
    if (state === 'up') policy.tunnelUp(prefix)
    policy.clientUp(prefix)
    const closed = policy.decide(view, 500).filter(({ kind }) => kind === 'close')
    expect(closed).toEqual(givesUp ? [expect.objectContaining({ target: prefix })] : [])
    // One that is up is given up, too, when the other one is of use.
    const later = policy.decide({ ...view, isClientUsable: () => true }, 1_000)
    expect(later.some(({ kind }) => kind === 'close')).toBe(!givesUp && peer > OWN)
  },
)

test('who was reached by others not long ago makes all its tunnels, although nobody is connected', () => {
  const policy = new TunnelPolicy(OWN, { ...SETTINGS, clientCount: 5 }, seededRandom(1), 0)
  const peers = Array.from({ length: 8 }, (_, index) => `1${index.toString(2).padStart(3, '0')}` as Prefix)
  const view = { ...VIEW, cachedPeers: () => peers }
  const connects = (nowMs: number) =>
    policy
      .decide(view, nowMs)
      .flatMap((decision) => (decision.kind === 'connect' ? [decision.target as Prefix] : []))
  const begun = connects(0)
  expect(begun).toHaveLength(2)
  policy.clientUp(PEER)
  policy.clientDown(PEER)
  expect(connects(1_000)).toHaveLength(3)
  connects(SETTINGS.refreshMs)
  for (const prefix of peers) policy.tunnelDown(prefix, false)
  expect(connects(2 * SETTINGS.refreshMs)).toHaveLength(2)
})

test('a tunnel more than there should be is closed at the next refresh, also when there is nobody else to connect to', () => {
  const own = '0111' as Prefix
  const peers = ['0000', '0001', '0010'].map(prefixOfBits)
  const policy = new TunnelPolicy(own, { ...SETTINGS, clientCount: 2 }, seededRandom(1), 0)
  const connected = new Set<Prefix>()
  // Cut off, it takes whom the registry proposes: all that there are.
  for (const [at, prefix] of peers.entries()) {
    policy.registryAnswered({ prefix, addresses: VIEW.addressesOf(prefix) }, at * 3_000)
    const view = { ...VIEW, cachedPeers: () => [] }
    expect(policy.decide(view, at * 3_000)).toContainEqual(
      expect.objectContaining({ kind: 'connect', target: prefix }),
    )
  }
  for (const prefix of peers) {
    policy.tunnelUp(prefix)
    connected.add(prefix)
  }
  const view: NetworkView = {
    ...VIEW,
    reachesAnybody: true,
    isReachable: () => true,
    isTunnelUsable: (target) => connected.has(target as Prefix),
    isNeighbour: (prefix) => connected.has(prefix),
    sampleReachable: () => peers.find((prefix) => !connected.has(prefix)) ?? peers[0],
    nodesOver: (prefix) => (prefix === peers[1] ? 1 : 2),
  }
  policy.decide(view, 10_000)
  const closed = policy.decide(view, 10_000 + SETTINGS.refreshMs).filter(({ kind }) => kind === 'close')
  expect(closed).toMatchObject([{ target: peers[1] }])
  policy.tunnelDown(peers[1] as Prefix, true)
  connected.delete(peers[1] as Prefix)
  // As many as there should be: from now on, one is replaced by another.
  const later = policy.decide(view, 10_000 + 2 * SETTINGS.refreshMs)
  expect(later.map(({ kind }) => kind)).toContain('close')
})

test('when the network of this machine has changed the registry is asked at once', () => {
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  const isAsking = (nowMs: number) => policy.decide(VIEW, nowMs).some(({ kind }) => kind === 'ask-registry')
  for (let nowMs = 0, asked = 0; asked < 10; nowMs = policy.nextWakeMs) {
    if (isAsking(nowMs)) asked++
    policy.registryAnswered(undefined, nowMs)
  }
  const waitingMs = policy.nextWakeMs
  expect(isAsking(waitingMs - 5_000)).toBe(false)
  policy.circumstancesChanged('network')
  expect(isAsking(waitingMs - 5_000)).toBe(true)
})

test('while nothing happens to neighbours and tunnels, these are not looked at', () => {
  const others = ['0100', '0101', '0110'].map(prefixOfBits)
  const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
  let looks = 0
  let isConnected = true
  const view = {
    ...VIEW,
    neighbourChanges: 0,
    reachesAnybody: true,
    isReachable: () => isConnected,
    sampleReachable: () => others[0],
    cachedPeers: () => others,
    isClientUsable: () => true,
    isTunnelUsable() {
      looks++
      return true
    },
  }
  /** Decides until there is nothing to do. @returns whether tunnels were looked at */
  const isLooking = (nowMs: number): boolean => {
    const before = looks
    for (let decisions = policy.decide(view, nowMs); decisions.length > 0; ) {
      for (const decision of decisions) if (decision.kind === 'connect') policy.tunnelUp(decision.target)
      others.push(...others.splice(0, 1))
      decisions = policy.decide(view, nowMs)
    }
    return looks > before
  }
  policy.clientUp(PEER)
  expect(isLooking(0)).toBe(true)
  expect(isLooking(1)).toBe(false)
  view.neighbourChanges = 1
  expect([isLooking(2), isLooking(3)]).toEqual([true, false])
  // Those that are left are what they were.
  policy.clientDown(PEER)
  expect(isLooking(4)).toBe(false)
  policy.clientUp(PEER)
  expect([isLooking(5), isLooking(6)]).toEqual([true, false])
  isConnected = false
  policy.decide(view, 7)
  expect(policy.cutOff).toBeDefined()
  isConnected = true
  policy.decide(view, 8)
  expect(policy.cutOff).toBeUndefined()
})

test('a tunnel whose peer is doubted at the time of a refresh is not the one that is replaced, though packets avoid it', () => {
  const [BUSY, CALM, FAR] = ['0100', '0101', '0110'].map(prefixOfBits) as [Prefix, Prefix, Prefix]
  const closedWith = (doubted: Prefix | undefined) => {
    const policy = new TunnelPolicy(OWN, SETTINGS, seededRandom(1), 0)
    let sampled = BUSY
    const view: NetworkView = {
      ...VIEW,
      isReachable: () => true,
      reachesAnybody: true,
      isTunnelUsable: () => true,
      isNeighbour: (prefix) => prefix !== FAR,
      sampleReachable: () => sampled,
      cachedPeers: () => [],
      nodesOver: (prefix) => (prefix === doubted ? 0 : prefix === BUSY ? 10 : 5),
      isTunnelDoubted: (prefix) => prefix === doubted,
    }
    const connect = (nowMs: number) => {
      for (const decision of policy.decide({ ...view, isNeighbour: () => false }, nowMs))
        if (decision.kind === 'connect') policy.tunnelUp(decision.target)
    }
    for (const target of [BUSY, CALM]) {
      sampled = target
      connect(0)
    }
    sampled = FAR
    const closed: unknown[] = []
    for (let nowMs = 0; nowMs <= 2 * SETTINGS.refreshMs; nowMs += 10_000)
      for (const decision of policy.decide(view, nowMs))
        if (decision.kind === 'close') closed.push(decision.target)
    return closed[0]
  }
  expect(closedWith(undefined)).toBe(CALM)
  expect(closedWith(BUSY)).toBe(CALM)
})

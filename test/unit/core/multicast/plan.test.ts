import { describe, expect, it } from 'vitest'
import { type MulticastSituation, planMulticast } from '../../../../src/core/multicast/plan.ts'
import { ifacesOf, smcrouteConfiguration } from '../../../../src/core/multicast/smcroute.ts'
import { EMPTY_STATE, type MulticastState } from '../../../../src/core/multicast/state-message.ts'
import { readNodeRoutes, type UnicastRoute } from '../../../../src/core/multicast/upstream.ts'
import { networkOfBits, type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'

const [A, B, C, D] = ['01', '10', '11', '00'].map((end) => prefixOfBits(`00000000000000${end}`)) as [
  Prefix,
  Prefix,
  Prefix,
  Prefix,
]
const SOURCE = '2001:db8:42:9::1'
const OWN = '2001:db8:42:5::1'
const CHANNEL = { source: SOURCE, group: 'ff3e::1' }
const SHARED = { source: SOURCE, group: 'ff0e::1' }
const MEMBER = { iface: 're6stnet-mc', group: 'ff3e::1', sources: [SOURCE] }

/** A node whose way to the source is A, over its tunnel `re6stnet1`; its own address on its server is fe80::5. */
const situation = (changes: Partial<MulticastSituation> = {}): MulticastSituation => ({
  memberships: [],
  localSources: [],
  heard: new Map(),
  isOwn: (address) => address === OWN,
  upstreamOf: (source) => (source === SOURCE ? { peer: A, iface: 're6stnet1', via: 'fe80::a' } : undefined),
  ifaceOf: (address) => ({ 'fe80::5': 're6stnet-tcp', 'fe80::6': 're6stnet2' })[address],
  isServer: (iface) => iface === 're6stnet-tcp',
  ...changes,
})
const joinVia = (via: string, channel = CHANNEL) => ({ ...EMPTY_STATE, joins: [{ ...channel, via }] })

describe('the plan', () => {
  it('is empty when nobody wants anything', () => {
    const plan = planMulticast(situation())
    expect(plan.routes).toEqual([])
    expect(plan.stateFor(A)).toEqual(EMPTY_STATE)
  })

  it('asks the neighbour on the way to the source for what a program wants', () => {
    const plan = planMulticast(situation({ memberships: [MEMBER] }))
    expect(plan.routes).toEqual([{ ...CHANNEL, from: 're6stnet1', to: ['re6stnet-mc'] }])
    expect(plan.stateFor(A).joins).toEqual([{ ...CHANNEL, via: 'fe80::a' }])
    expect(plan.stateFor(B)).toEqual(EMPTY_STATE)
  })

  it('passes on what others want, to all of them', () => {
    const heard = new Map([
      [B, joinVia('fe80::5')],
      [C, joinVia('fe80::6')],
    ])
    const plan = planMulticast(situation({ heard }))
    expect(plan.routes).toEqual([{ ...CHANNEL, from: 're6stnet1', to: ['re6stnet-tcp', 're6stnet2'] }])
    expect(plan.stateFor(A).joins).toHaveLength(1)
  })

  it('sends back on a server’s interface, from one client to another, and on no other', () => {
    const from = (iface: string) =>
      situation({
        heard: new Map([[B, joinVia('fe80::5')]]),
        upstreamOf: () => ({ peer: A, iface, via: 'fe80::a' }),
      })
    expect(planMulticast(from('re6stnet-tcp')).routes).toEqual([
      { ...CHANNEL, from: 're6stnet-tcp', to: ['re6stnet-tcp'] },
    ])
    const lan = { ...from('eth1'), ifaceOf: () => 'eth1' }
    expect(planMulticast(lan).routes).toEqual([])
  })

  it('gives nothing to the neighbour from whom it has it, nor to a link that is not there', () => {
    expect(planMulticast(situation({ heard: new Map([[A, joinVia('fe80::5')]]) })).routes).toEqual([])
    expect(planMulticast(situation({ heard: new Map([[B, joinVia('fe80::77')]]) })).routes).toEqual([])
  })

  it('forwards what is sent here from where it is sent, and asks nobody', () => {
    const localSources = [{ source: OWN, group: 'ff3e::1', iface: 're6stnet-mc' }]
    const heard = new Map([[B, joinVia('fe80::5', { source: OWN, group: 'ff3e::1' })]])
    const plan = planMulticast(situation({ localSources, heard }))
    expect(plan.routes).toEqual([
      { source: OWN, group: 'ff3e::1', from: 're6stnet-mc', to: ['re6stnet-tcp'] },
    ])
    for (const peer of [A, B]) expect(plan.stateFor(peer).joins).toEqual([])
    // Nobody sends yet: from where is not known.
    expect(planMulticast(situation({ heard })).routes).toEqual([])
  })

  it('makes senders to groups for any source known, away from the sender', () => {
    const localSources = [
      { source: OWN, group: 'ff0e::1', iface: 're6stnet-mc' },
      { source: OWN, group: 'ff3e::1', iface: 're6stnet-mc' },
    ]
    const heard = new Map([[A, { joins: [], sources: [SHARED] }]])
    const plan = planMulticast(situation({ localSources, heard }))
    expect(plan.stateFor(B).sources).toEqual([{ source: OWN, group: 'ff0e::1' }, SHARED])
    expect(plan.stateFor(A).sources).toEqual([{ source: OWN, group: 'ff0e::1' }])
  })

  it('tells the same in the same order, whoever was heard last', () => {
    const channels = ['1', '2', '3'].map((part) => ({ source: `2001:db8:42:${part}::1`, group: 'ff0e::1' }))
    const heard: [Prefix, MulticastState][] = [A, B, C].map((peer, at) => [
      peer,
      {
        joins: [{ ...CHANNEL, group: `ff3e::${9 - at}`, via: 'fe80::5' }],
        sources: channels.slice(at, at + 1),
      },
    ])
    const upstreamOf = (source: string) => {
      const peer = [A, B, C][channels.findIndex((channel) => channel.source === source)] ?? D
      return { peer, iface: 're6stnet1', via: 'fe80::a' }
    }
    const [plan, later] = [heard, heard.toReversed()].map((each) =>
      planMulticast(situation({ heard: new Map(each), upstreamOf })),
    )
    expect(later?.stateFor(D)).toEqual(plan?.stateFor(D))
    expect([plan?.stateFor(D).joins.length, plan?.stateFor(D).sources.length]).toEqual([3, 3])
    expect(later?.routes).toEqual(plan?.routes)
  })

  it('believes news of a sender only from the neighbour on the way to it', () => {
    const heard = new Map([[B, { joins: [], sources: [SHARED] }]])
    const plan = planMulticast(situation({ heard, memberships: [{ ...MEMBER, ...SHARED, sources: [] }] }))
    expect(plan.stateFor(C).sources).toEqual([])
    expect(plan.routes).toEqual([])
  })

  it('joins every known sender to a group for any source', () => {
    const heard = new Map([[A, { joins: [], sources: [SHARED] }]])
    const memberships = [{ iface: 're6stnet-mc', group: 'ff0e::1', sources: [] }]
    const plan = planMulticast(situation({ heard, memberships }))
    expect(plan.routes).toEqual([{ ...SHARED, from: 're6stnet1', to: ['re6stnet-mc'] }])
  })
})

describe('the neighbour on the way to a source', () => {
  const NETWORK = networkOfBits('001000000000000100001101101110000000000001000010')
  const SUBNET = '2001:db8:42:9::/64'
  const routeTo = (prefix: string, changes: Partial<UnicastRoute>): UnicastRoute => ({
    ...{ prefix, installed: true, metric: 96, refmetric: 0, via: 'fe80::a', iface: 're6stnet1' },
    ...changes,
  })
  const neighbours = [
    routeTo('2001:db8:42:1::/64', { via: 'fe80::a' }),
    routeTo('2001:db8:42:2::/64', { via: 'fe80::b', iface: 're6stnet2' }),
  ]
  const upstream = (routes: readonly UnicastRoute[], takesPart = (_: Prefix) => true, lans: string[] = []) =>
    readNodeRoutes([...neighbours, ...routes], {
      network: NETWORK,
      takesPart,
      isLan: (iface) => lans.includes(iface),
    }).upstreamOf(SOURCE)
  const viaA = routeTo(SUBNET, { metric: 200, refmetric: 104 })
  const viaB = routeTo(SUBNET, {
    ...{ installed: false, metric: 300, refmetric: 150, via: 'fe80::b', iface: 're6stnet2' },
  })

  it('is the next hop of the route that is used', () => {
    expect(upstream([viaB, viaA])).toEqual({ peer: A, iface: 're6stnet1', via: 'fe80::a' })
  })

  it('is another one that is nearer to the source, when the next hop does not take part', () => {
    const withoutA = (peer: Prefix) => peer !== A
    expect(upstream([viaA, viaB], withoutA)?.peer).toBe(B)
    // That one might have its packets from us.
    expect(upstream([viaA, { ...viaB, refmetric: 200 }], withoutA)).toBeUndefined()
  })

  it('is nobody when there is no route, or only a retracted one', () => {
    expect(upstream([])).toBeUndefined()
    expect(upstream([{ ...viaA, metric: 0xffff }])).toBeUndefined()
    expect(upstream([viaA], () => false)).toBeUndefined()
  })

  it('is on a LAN the one nearest to the source, so that all there choose the same', () => {
    const onLan = [
      routeTo('2001:db8:42:1::/64', { via: 'fe80::1a', iface: 'eth1' }),
      routeTo('2001:db8:42:2::/64', { via: 'fe80::1b', iface: 'eth1' }),
      routeTo(SUBNET, { metric: 200, refmetric: 104, via: 'fe80::1b', iface: 'eth1' }),
      routeTo(SUBNET, { installed: false, metric: 200, refmetric: 104, via: 'fe80::1a', iface: 'eth1' }),
    ]
    expect(upstream(onLan, () => true, ['eth1'])?.peer).toBe(A)
    expect(upstream(onLan, (peer) => peer !== A, ['eth1'])?.peer).toBe(B)
  })

  it('knows the neighbours', () => {
    const routes = readNodeRoutes([...neighbours, viaA], {
      network: NETWORK,
      takesPart: () => true,
      isLan: () => false,
    })
    expect([...routes.neighbours]).toEqual([A, B])
  })
})

describe('the configuration of smcrouted', () => {
  const routes = [{ ...CHANNEL, from: 're6stnet1', to: ['re6stnet-mc', 're6stnet2'] }]

  it('names the interfaces in use, and the routes', () => {
    const ifaces = ifacesOf(routes, ['re6stnet-mc'])
    expect(smcrouteConfiguration(ifaces, routes)).toBe(
      `phyint re6stnet-mc enable
phyint re6stnet1 enable
phyint re6stnet2 enable
mroute from re6stnet1 source ${SOURCE} group ff3e::1 to re6stnet-mc re6stnet2
`,
    )
  })

  it('has no interface that is not there', () => {
    expect(smcrouteConfiguration(['re6stnet-mc', 're6stnet1'], routes)).toMatch(/to re6stnet-mc\n$/)
    expect(smcrouteConfiguration(['re6stnet-mc'], routes)).toBe('phyint re6stnet-mc enable\n')
  })
})

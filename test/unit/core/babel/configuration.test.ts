import { describe, expect, it } from 'vitest'
import {
  type BabelSettings,
  isPassedOn,
  isTaken,
  kernelDestinationOf,
  linkParametersOf,
  localRoutesOf,
} from '../../../../src/core/babel/configuration.ts'
import { parseLinkDefaults } from '../../../../src/core/config/link-defaults.ts'
import { ROUTE_METRIC } from '../../../../src/core/kernel/route-table.ts'

const NETWORK = '2001:db8:42::/48'
const settings = (more: Partial<BabelSettings> = {}): BabelSettings => ({
  nodeCidr: '2001:db8:42:1::1/64',
  networkCidr: NETWORK,
  ipv4: undefined,
  defaultRoute: 'take-for-network',
  helloIntervalMs: 15_000,
  linkDefaults: parseLinkDefaults(''),
  sourceSpecific: true,
  ...more,
})

describe('what is announced', () => {
  it('is the subnet of the node, with its part of the IPv4 payload', () => {
    const ipv4 = { subnet: '10.42.1.0/24', address: '10.42.1.1' }
    expect(localRoutesOf(settings({ ipv4 }), true)).toEqual([
      { prefix: '2001:db8:42:1::/64', from: '::/0', metric: 0 },
      { prefix: '10.42.1.0/24', from: '0.0.0.0/0', metric: 0 },
    ])
  })

  it('is the way to the Internet, by a gateway that has one', () => {
    const gateway = settings({ defaultRoute: 'announce' })
    const route = { prefix: '::/0', from: NETWORK, metric: 0 }
    expect(localRoutesOf(gateway, true)).toContainEqual(route)
    expect(localRoutesOf(gateway, false)).not.toContainEqual(route)
  })
})

describe('of ways to the Internet', () => {
  const forNetwork = { prefix: '::/0', from: NETWORK }
  const forAll = { prefix: '::/0', from: '::/0' }
  it.each([
    ['take-for-network', true, [true, false]],
    ['announce', true, [true, false]],
    ['take-as-announced', true, [true, true]],
    ['take-for-network', false, [true, false]],
    ['take-as-announced', false, [true, true]],
  ] as const)('%s, source-specific routes: %j', (defaultRoute, sourceSpecific, taken) => {
    const own = settings({ defaultRoute, sourceSpecific })
    expect([forNetwork, forAll].map((route) => isTaken(own, route))).toEqual(taken)
    expect(isTaken(own, { prefix: '2001:db8:42:7::/64', from: '::/0' })).toBe(true)
  })

  it('that of the network is one for all where the kernel does not tell sources apart, after any other; nobody hears of it', () => {
    const old = settings({ sourceSpecific: false })
    expect(kernelDestinationOf(old, forNetwork)).toEqual({ ...forAll, metric: ROUTE_METRIC.withoutSource })
    expect(isPassedOn(old, forNetwork)).toBe(false)
    expect(isPassedOn(settings(), forNetwork)).toBe(true)
    const others = [
      forAll,
      { prefix: '2001:db8:42:7::/64', from: '::/0' },
      { prefix: '0.0.0.0/0', from: '0.0.0.0/0' },
    ]
    for (const [own, route] of [
      [settings(), forNetwork] as const,
      ...others.map((other) => [old, other] as const),
    ])
      expect(kernelDestinationOf(own, route)).toEqual({ ...route, metric: ROUTE_METRIC.re6st })
  })
})

describe('not taken', () => {
  const ofAll = (prefix: string) => ({ prefix, from: prefix.includes(':') ? '::/0' : '0.0.0.0/0' })
  it.each([
    ...['fe80::/10', 'fe80::/64', 'febf::1/128', 'ff00::/8', 'ff02::1:6/128', '::1/128', '::/128'],
    ...['0.0.0.0/8', '0.0.0.0/32', '127.0.0.0/8', '127.0.0.1/32', '224.0.0.0/4', '255.255.255.255/32'],
  ])('is what no network routes to: %s', (prefix) => {
    for (const defaultRoute of ['take-for-network', 'announce', 'take-as-announced'] as const)
      expect(isTaken(settings({ defaultRoute }), ofAll(prefix))).toBe(false)
  })

  it.each([
    'fe8::/16',
    'fec0::/10',
    'fd00::/8',
    '::/1',
    '::2/127',
    '126.0.0.0/8',
    '0.0.0.0/1',
    '10.42.0.0/16',
  ])('is not: %s', (prefix) => expect(isTaken(settings(), ofAll(prefix))).toBe(true))

  it('are IPv4 routes of one source, for which the kernel has no place', () => {
    for (const prefix of ['10.42.7.0/24', '0.0.0.0/0'])
      expect(isTaken(settings({ defaultRoute: 'take-as-announced' }), { prefix, from: '10.42.0.0/16' })).toBe(
        false,
      )
  })

  it.each([
    ['take-for-network', false],
    ['announce', false],
    ['take-as-announced', true],
  ] as const)('is a way to everywhere for IPv4, as for IPv6: %s', (defaultRoute, taken) =>
    expect(isTaken(settings({ defaultRoute }), ofAll('0.0.0.0/0'))).toBe(taken),
  )
})

it('costs are as babeld has them, and as the network says', () => {
  expect(linkParametersOf(settings(), 'tunnel')).toMatchObject({
    rxcost: 96,
    maxRttPenalty: 96,
    rttMaxMs: 120,
  })
  expect(linkParametersOf(settings(), 'lan')).toMatchObject({ rxcost: 64, maxRttPenalty: 0 })
  const linkDefaults = parseLinkDefaults('max-rtt-penalty 5000 rtt-max 500 rtt-decay 125')
  expect(linkParametersOf(settings({ linkDefaults }), 'server')).toMatchObject({
    maxRttPenalty: 5_000,
    rttMaxMs: 500,
    rttDecay: 125,
    splitHorizon: false,
    updateIntervalMs: 60_000,
  })
})

import { describe, expect, it } from 'vitest'
import {
  isOfNetwork,
  mayConcernOwnNetwork,
  moveBetween,
  type OwnNetwork,
  readOwnNetwork,
} from '../../../../src/core/kernel/own-network.ts'
import { networkOfBits } from '../../../../src/core/values/prefix.ts'
import { fc, test } from '../../../support/property.ts'

const UP = ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP']
const isInside = (address: string) => address.startsWith('2001:db8:42:')

function read(
  links: readonly object[],
  routes4: readonly object[] = [],
  routes6: readonly object[] = [],
): OwnNetwork {
  const network = readOwnNetwork(
    {
      addresses: JSON.stringify(links),
      routes4: JSON.stringify(routes4),
      routes6: JSON.stringify(routes6),
    },
    isInside,
  )
  if (!network.ok) throw new Error(network.reason)
  return network.value
}

const address = (local: string, more: object = {}) => ({ local, prefixlen: 64, scope: 'global', ...more })

describe('how a machine is connected', () => {
  it('is by the usable addresses of links that are up', () => {
    const { addresses } = read([
      { ifname: 'lo', flags: ['LOOPBACK', 'UP', 'LOWER_UP'], addr_info: [address('192.0.2.7')] },
      {
        ifname: 'eth0',
        flags: UP,
        addr_info: [
          address('192.0.2.1', { prefixlen: 24 }),
          address('2001:db8:1::1'),
          address('2001:db8:1::2', { tentative: true }),
          address('fe80::1', { scope: 'link' }),
          address('2001:db8:42:1::1'),
        ],
      },
      { ifname: 'eth1', flags: ['NO-CARRIER', 'UP'], addr_info: [address('198.51.100.1')] },
      { ifname: 're6stnet1', flags: UP, addr_info: [address('198.51.100.2')] },
    ])
    expect([...addresses]).toEqual(['eth0 192.0.2.1/24', 'eth0 2001:db8:1::1/64'])
  })

  it('is not by a bridge of containers, but by one that leads to the Internet', () => {
    const bridge = (ifname: string, local: string) => ({
      ...{ ifname, flags: UP, linkinfo: { info_kind: 'bridge' } },
      addr_info: [address(local, { prefixlen: 24 })],
    })
    const links = [bridge('docker0', '198.51.100.1'), bridge('br0', '192.0.2.1')]
    const { addresses } = read(links, [{ type: 'unicast', gateway: '192.0.2.254', dev: 'br0', flags: [] }])
    expect([...addresses]).toEqual(['br0 192.0.2.1/24'])
  })

  it('is by each way of each default route that leads out', () => {
    const { ways } = read(
      [],
      [
        {
          type: 'unicast',
          nexthops: [
            { gateway: '192.0.2.254', dev: 'eth0', flags: [] },
            { gateway: '192.0.2.253', dev: 'eth1', flags: ['linkdown'] },
          ],
        },
        { type: 'unicast', via: { family: 'inet6', host: 'fe80::1' }, dev: 'eth2', flags: [] },
        { type: 'unreachable', dst: 'default' },
      ],
      [
        { type: 'unicast', gateway: 'fe80::2', dev: 'eth0', protocol: 'ra', flags: [] },
        { type: 'unicast', gateway: 'fe80::3', dev: 're6stnet1', protocol: 'babel', flags: [] },
        { type: 'unicast', dev: 'ppp0', flags: [] },
      ],
    )
    expect([...ways]).toEqual(['4 eth0 192.0.2.254', '4 eth2 fe80::1', '6 eth0 fe80::2', '6 ppp0'])
  })

  it('has changed when something is gone or new', () => {
    const before = read([{ ifname: 'eth0', flags: UP, addr_info: [address('192.0.2.1')] }])
    const after = read([], [{ type: 'unicast', dev: 'wwan0', flags: [] }])
    expect(moveBetween(before, before)).toBeUndefined()
    expect(moveBetween(before, after)).toEqual({
      hasWay: true,
      gone: ['eth0 192.0.2.1/64'],
      come: ['default 4 wwan0'],
    })
    expect(moveBetween(before, read([]))?.hasWay).toBe(false)
  })

  it('can have changed when the kernel speaks of a link, an address or a way out, and not of tunnels', () => {
    for (const line of [
      '2: eth0@if7: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default',
      'Deleted 2: eth0    inet 10.0.0.1/24 scope global eth0',
      '3: wlan0    inet6 2001:db8::1/64 scope global',
      'default via 10.0.0.2 dev eth0',
      'Deleted default via fe80::1 dev eth0 proto ra metric 1024',
    ])
      expect(mayConcernOwnNetwork(line), line).toBe(true)
    for (const line of [
      '1: lo    inet6 2001:db8:42::1/64 scope global',
      '9: re6stnet-tcp: <BROADCAST,MULTICAST,UP> mtu 1500',
      '2001:db8:42:7::/64 via fe80::1 dev re6stnet1 proto babel metric 1024',
      'default from 2001:db8:42::/48 via fe80::1 dev re6stnet1 proto 42 metric 1024',
      'local 10.0.0.1 dev eth0 table local proto kernel scope host src 10.0.0.1',
      '',
    ])
      expect(mayConcernOwnNetwork(line), line).toBe(false)
  })

  test('is read from whatever ip prints without an exception', fc.string(), fc.json(), (line, json) => {
    mayConcernOwnNetwork(line)
    for (const printed of [line, json, `[${json}]`])
      readOwnNetwork({ addresses: printed, routes4: printed, routes6: printed }, isInside)
  })
})

describe('an address', () => {
  // 2001:db8:42::/48
  const network = networkOfBits(
    ['2001', '0db8', '0042'].map((word) => Number.parseInt(word, 16).toString(2).padStart(16, '0')).join(''),
  )

  it.each([
    ['2001:db8:42:3::1', '10.42.0.0/16', true],
    ['10.42.3.1', '10.42.0.0/16', true],
    ['10.43.3.1', '10.42.0.0/16', false],
    ['2001:db8:43::1', '10.42.0.0/16', false],
    ['10.42.3.1', undefined, false],
  ] as const)('%s in a network with IPv4 range %s is of the network: %s', (address, range, expected) => {
    expect(isOfNetwork(address, network, range)).toBe(expected)
  })

  it('of the IPv4 payload that comes to the main interface is no change of the own network', () => {
    const link = (...addresses: readonly string[]) => [
      { ifname: 'eth0', flags: UP, addr_info: addresses.map((local) => address(local, { prefixlen: 32 })) },
    ]
    const seen = (links: readonly object[]) => {
      const printed = { addresses: JSON.stringify(links), routes4: '[]', routes6: '[]' }
      const read = readOwnNetwork(printed, (each) => isOfNetwork(each, network, '10.42.0.0/16'))
      if (!read.ok) throw new Error(read.reason)
      return read.value
    }
    const before = seen(link('192.0.2.1'))
    expect(moveBetween(before, seen(link('192.0.2.1', '10.42.3.1')))).toBeUndefined()
    expect(moveBetween(before, seen(link('192.0.2.1', '10.43.3.1')))).toBeDefined()
  })
})

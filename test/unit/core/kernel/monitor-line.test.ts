import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseMonitorLine } from '../../../../src/core/kernel/monitor-line.ts'

it.each([
  [
    '2001:db8:1::/64 via fe80::2 dev d0 proto 66 src 2001:db8::1 metric 1020 pref medium',
    {
      isGone: false,
      route: { to: '2001:db8:1::/64', via: 'fe80::2', iface: 'd0', protocol: '66', metric: 1020 },
    },
  ],
  [
    'Deleted default from 2001:db8::/48 via fe80::2 dev d0 proto 66 metric 1020 pref medium',
    { isGone: true, route: { to: 'default', from: '2001:db8::/48', via: 'fe80::2' } },
  ],
  [
    '2001:db8:1::/64 proto 66 metric 1020 pref medium\\\tnexthop via fe80::2 dev d0 weight 1 \\\tnexthop via fe80::3 dev d1 weight 1 ',
    { isGone: false, route: { to: '2001:db8:1::/64', family: 'ipv6', via: undefined, iface: undefined } },
  ],
  [
    '10.1.0.0/16 via inet6 fe80::2 dev d0 proto 66 metric 1020 ',
    { isGone: false, route: { to: '10.1.0.0/16', from: undefined, via: 'fe80::2', iface: 'd0' } },
  ],
  [
    'Deleted default via fe80::1 dev eth0 metric 1024 pref medium',
    { isGone: true, route: { to: 'default', via: 'fe80::1', family: 'ipv6', protocol: undefined } },
  ],
  [
    'default via 192.0.2.1 dev eth0 ',
    { isGone: false, route: { to: 'default', family: 'ipv4', iface: 'eth0' } },
  ],
  [
    '2001:db8::/64 dev eth0 metric 256 pref medium',
    { isGone: false, route: { to: '2001:db8::/64', via: undefined } },
  ],
  [
    '2001:db8::7 dev eth0 metric 256 pref medium',
    { isGone: false, route: { to: '2001:db8::7', metric: 256 } },
  ],
] as const)('a route: %s', (line, event) => {
  expect(parseMonitorLine(line)).toMatchObject({ kind: 'route', ...event })
})

it.each([
  '3: d0@d1: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default \\    link/ether 7a:ec:6a:d6:69:c1',
  'Deleted 3: d0    inet6 fe80::78ec:6aff:fed6:69c1/64 scope link \\       valid_lft forever preferred_lft forever',
])('an interface: %s', (line) => {
  expect(parseMonitorLine(line)).toEqual({ kind: 'interface', iface: 'd0' })
})

it.each([
  [
    '2: d0    inet6 2001:db8::1/64 scope global \\       valid_lft forever preferred_lft forever',
    '2001:db8::1',
  ],
  ['2: d0    inet 10.9.9.1/24 scope global d0\\       valid_lft forever preferred_lft forever', '10.9.9.1'],
])('an address: %s', (line, address) => {
  expect(parseMonitorLine(line)).toEqual({ kind: 'interface', iface: 'd0', address })
})

it.each([
  ['default via fe80::9 dev d0 proto 66 metric 1020 pref medium', 'ipv6'],
  ['default dev d0 proto 66 metric 1020 pref medium', 'ipv6'],
  ['default via inet6 fe80::9 dev d0 proto 66 metric 1020 ', 'ipv4'],
  ['default via 10.0.0.1 dev d0 proto 66 metric 1020 ', 'ipv4'],
  ['default dev d0 proto 66 metric 1020 ', 'ipv4'],
] as const)('of which family a default route is: %s', (line, family) => {
  expect(parseMonitorLine(line)).toMatchObject({ route: { to: 'default', family } })
})

it.each([
  ['fe80::2 dev d0 FAILED', 'failed'],
  ['fe80::2 dev d0 lladdr 12:36:26:6e:ca:0c REACHABLE', 'reachable'],
  ['fe80::2 dev d0 lladdr 12:36:26:6e:ca:0c router PROBE', 'probe'],
  ['fe80::2 dev d0 lladdr 12:36:26:6e:ca:0c STALE', 'stale'],
  ['fe80::2 dev d0 INCOMPLETE', 'other'],
] as const)('a neighbour: %s', (line, state) => {
  expect(parseMonitorLine(line)).toEqual({ kind: 'neighbour', iface: 'd0', address: 'fe80::2', state })
})

it.each([
  'Deleted local fe80::78ec:6aff:fed6:69c1 dev d0 table local proto kernel metric 0 pref medium',
  'Deleted fe80::2 dev d0 lladdr 12:36:26:6e:ca:0c STALE',
  '',
])('of no matter here: %j', (line) => {
  expect(parseMonitorLine(line)).toBeUndefined()
})

it('any text is read', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseMonitorLine(text)))
})

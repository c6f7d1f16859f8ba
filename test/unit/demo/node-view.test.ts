import { expect, test } from 'vitest'
import { viewOfRoutes } from '../../../demo/node-view.ts'
import type { RouteEntry } from '../../../src/core/babel/socket-line.ts'
import { networkOfBits } from '../../../src/core/values/prefix.ts'

const network = networkOfBits('001000000000000100001101101110000000000001000010')

const entry = (subnet: number, via: string, iface: string, more: Partial<RouteEntry> = {}): RouteEntry => ({
  id: `${subnet}${via}`,
  prefix: `2001:db8:42:${subnet}::/64`,
  from: '::/0',
  installed: true,
  routerId: '02:00:00:00:00:00:00:01',
  metric: 96,
  refmetric: 0,
  via,
  iface,
  ...more,
})

test('tunnels and next hops are those of the neighbours that announce themselves', () => {
  const view = viewOfRoutes(network, [
    entry(1, 'fe80::1', 're6stnet1'),
    entry(2, 'fe80::2', 're6stnet-tcp'),
    entry(3, 'fe80::3', 'eth0'),
    entry(4, 'fe80::2', 're6stnet-tcp', { refmetric: 96 }),
    entry(4, 'fe80::1', 're6stnet1', { refmetric: 200, installed: false }),
    { ...entry(0, 'fe80::1', 're6stnet1'), prefix: '::/0' },
  ])
  expect(view.tunnels.map(({ peer, role, protocol }) => [peer, role, protocol])).toEqual([
    ['1/16', 'client', 'tunnel'],
    ['2/16', 'server', 'tcp'],
  ])
  expect(view.routes.map(({ to, next, iface }) => [to, next, iface])).toEqual([
    ['1/16', '1/16', 're6stnet1'],
    ['2/16', '2/16', 're6stnet-tcp'],
    ['3/16', '3/16', 'eth0'],
    ['4/16', '2/16', 're6stnet-tcp'],
  ])
})

test('a route over a neighbour that is not known yet is left out', () => {
  expect(viewOfRoutes(network, [entry(4, 'fe80::9', 're6stnet1', { refmetric: 96 })]).routes).toEqual([])
})

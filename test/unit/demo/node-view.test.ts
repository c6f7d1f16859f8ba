import { expect, test } from 'vitest'
import { viewOfReplies } from '../../../demo/node-view.ts'
import type { RouteReply, TunnelReply } from '../../../src/core/control/replies.ts'

const tunnel = (more: Partial<TunnelReply>): TunnelReply => ({
  direction: 'client',
  state: 'up',
  peer: '1/16',
  iface: 're6stnet1',
  protocol: 'tcp',
  underlay: '203.0.113.1:1194',
  since: '2026-11-26T05:00:00.000Z',
  receivedBytes: 0,
  sentBytes: 0,
  roundTripMs: null,
  cost: 96,
  reason: null,
  ...more,
})

const route = (more: Partial<RouteReply>): RouteReply => ({
  prefix: '2001:db8:42:1::/64',
  node: '1/16',
  via: 'fe80::1',
  iface: 're6stnet1',
  nextHop: '1/16',
  routerId: '1c:6d:00:ff:fe:00:00:01',
  metric: 96,
  installed: true,
  ...more,
})

test('tunnels are those that are up, whoever made them', () => {
  const { tunnels } = viewOfReplies(
    [
      tunnel({}),
      tunnel({ peer: '2/16', direction: 'server', iface: 're6stnet-tcp' }),
      tunnel({ peer: '3/16', state: 'connecting' }),
      tunnel({ peer: '4/16', state: 'failed' }),
      tunnel({ peer: null }),
    ],
    [],
  )
  expect(tunnels.map(({ peer, role, protocol }) => [peer, role, protocol])).toEqual([
    ['1/16', 'client', 'tcp'],
    ['2/16', 'server', 'tcp'],
  ])
})

test('routes are those in use, by the neighbour that packets go to', () => {
  const { routes } = viewOfReplies(
    [],
    [
      route({}),
      route({ node: '4/16' }),
      route({ node: '4/16', iface: 're6stnet2', nextHop: '2/16', installed: false }),
      route({ node: '5/16', nextHop: null }),
    ],
  )
  expect(routes.map(({ to, next, iface }) => [to, next, iface])).toEqual([
    ['1/16', '1/16', 're6stnet1'],
    ['4/16', '1/16', 're6stnet1'],
  ])
})

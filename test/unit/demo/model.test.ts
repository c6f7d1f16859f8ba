import { describe, expect, test } from 'vitest'
import {
  directPair,
  linksOf,
  type MachineView,
  machineOnAPath,
  type RouteView,
  reachability,
  waysFrom,
} from '../../../demo/model.ts'

const route = (to: string, next: string, iface = 're6stnet1'): RouteView => ({ to, next, iface, metric: 96 })

const machine = (name: string, more: Partial<MachineView> = {}): MachineView => ({
  name,
  site: undefined,
  registry: false,
  underlay: '203.0.113.2',
  stage: 'running',
  subnet: `${name.slice(1)}/16`,
  address: `2001:db8:42:${name.slice(1)}::1`,
  tunnels: [],
  routes: [],
  ...more,
})

const tunnel = (peer: string) => ({ peer, role: 'client', protocol: 'tcp', iface: 're6stnet1' }) as const

/** n1 ── n2 ── n3, and n2 ── n4 on a LAN. */
const machines = [
  machine('n1', {
    tunnels: [tunnel('2/16')],
    routes: [route('2/16', '2/16'), route('3/16', '2/16'), route('4/16', '2/16')],
  }),
  machine('n2', {
    tunnels: [tunnel('1/16'), tunnel('3/16')],
    routes: [route('1/16', '1/16'), route('3/16', '3/16'), route('4/16', '4/16', 'eth0')],
  }),
  machine('n3', { tunnels: [tunnel('2/16')], routes: [route('1/16', '2/16'), route('2/16', '2/16')] }),
  machine('n4', { routes: [route('2/16', '2/16', 'eth0')] }),
]

describe('links', () => {
  test('a tunnel that both ends report is one link; neighbours on a LAN have one too', () => {
    expect(linksOf({ machines })).toEqual([
      { ends: ['n1', 'n2'], protocol: 'tcp' },
      { ends: ['n2', 'n3'], protocol: 'tcp' },
      { ends: ['n2', 'n4'], protocol: 'LAN' },
    ])
  })

  test('a machine that is off has none', () => {
    const without = machines.map((one) => (one.name === 'n1' ? { ...one, stage: 'killed' as const } : one))
    expect(linksOf({ machines: without }).filter(({ protocol }) => protocol !== 'LAN')).toHaveLength(2)
    expect(linksOf({ machines: [{ ...machines[0], stage: 'killed' } as MachineView] })).toEqual([])
  })
})

describe('ways', () => {
  test('they follow the next hops of each machine on the way', () => {
    expect(waysFrom('n1', { machines })).toEqual([
      { to: 'n2', hops: ['n1', 'n2'], complete: true },
      { to: 'n3', hops: ['n1', 'n2', 'n3'], complete: true },
      { to: 'n4', hops: ['n1', 'n2', 'n4'], complete: true },
    ])
  })

  test('a way ends where there is no route', () => {
    expect(waysFrom('n3', { machines }).find(({ to }) => to === 'n4')).toEqual({
      to: 'n4',
      hops: ['n3'],
      complete: false,
    })
  })

  test('a loop of next hops ends', () => {
    const loop = [
      machine('n1', { routes: [route('3/16', '2/16')] }),
      machine('n2', { routes: [route('3/16', '1/16')] }),
      machine('n3'),
    ]
    expect(waysFrom('n1', { machines: loop }).at(-1)).toEqual({
      to: 'n3',
      hops: ['n1', 'n2'],
      complete: false,
    })
  })

  test('a way to or through a machine that was killed is not complete', () => {
    const killed = machines.map((one) => (one.name === 'n2' ? { ...one, stage: 'killed' as const } : one))
    expect(waysFrom('n1', { machines: killed }).every(({ complete }) => !complete)).toBe(true)
  })
})

test('reachability counts pairs of machines that run', () => {
  const roundTrips = { n1: { n2: 1.5, n3: 2 }, n2: { n1: 1 } }
  expect(reachability({ machines: machines.slice(0, 3), roundTrips })).toEqual({ answered: 3, wanted: 6 })
})

describe('what the demo breaks', () => {
  test('a machine on the path is one that others need', () => {
    expect(machineOnAPath({ machines })).toEqual({ from: 'n1', via: 'n2', to: 'n3' })
  })

  test('the machine of the registry is left alone', () => {
    const registry = machines.map((one) => ({ ...one, registry: one.name === 'n2' }))
    expect(machineOnAPath({ machines: registry })).toBeUndefined()
  })

  test('a pair with no other tunnel is not cut', () => {
    expect(directPair({ machines })).toBeUndefined()
    const ring = ['n1', 'n2', 'n3'].map((name, index) => {
      const others = ['1/16', '2/16', '3/16'].filter((_, other) => other !== index)
      return machine(name, {
        tunnels: others.map(tunnel),
        routes: others.map((other) => route(other, other)),
      })
    })
    expect(directPair({ machines: ring })).toEqual({ from: 'n1', to: 'n2' })
  })
})

import { describe, expect, test } from 'vitest'
import { DEADLINE_MS, nextHop, withNetwork } from '../../support/networks.ts'

describe('kinds of network', () => {
  test('MAC keys authenticate the routing from the beginning', () =>
    withNetwork('mac', { nodeCount: 2 }, async ({ lab, network, nodes: [own] }) => {
      // A babeld without the key is not heard: it gets no neighbour, and no route.
      const [, one] = network.nodes
      const { stdout } = await own.machine.capture(
        'sh',
        '-c',
        `cat ${own.runDirectory}/babeld.conf 2>/dev/null || true`,
      )
      expect(lab.machines.length).toBeGreaterThan(2)
      expect(one?.subnetName).toMatch(/^\d+\/16$/)
      expect(stdout).toMatch(/key /)
    }))

  test('encrypted tunnels', () =>
    withNetwork(
      'encrypted',
      { nodeCount: 2, registryOptions: ['--encrypt'] },
      async ({ network, nodes: [own] }) => {
        const { stdout } = await own.machine.capture(
          'sh',
          '-c',
          "ps -eo args= | grep -o 'data-ciphers [^ ]*' | sort -u",
        )
        expect(stdout).toMatch(/AES-256-GCM/)
        expect(stdout).not.toMatch(/none/)
        expect(network.nodes).toHaveLength(3)
      },
    ))

  test('UDP tunnels', () =>
    withNetwork(
      'udp',
      { nodeCount: 2, nodeOptions: ['--disable-proto', 'tcp', '--pp', '1194', 'udp'] },
      async ({ nodes: [own] }) => {
        const interfaces = await own.machine.ip('link', 'show')
        expect(interfaces.map(({ ifname }) => ifname)).toContain('re6stnet-udp')
      },
    ))

  test('an underlay of IPv6 only', () =>
    withNetwork(
      'ipv6',
      {
        nodeCount: 2,
        nodeOptions: [
          '--disable-proto',
          'tcp',
          '--disable-proto',
          'udp',
          '--disable-proto',
          'udp6',
          '--pp',
          '1194',
          'tcp6',
        ],
      },
      async ({ nodes: [own] }) => {
        const interfaces = await own.machine.ip('link', 'show')
        expect(interfaces.map(({ ifname }) => ifname)).toContain('re6stnet-tcp6')
      },
    ))

  test('two nodes behind one NAT find each other over their LAN', () =>
    withNetwork(
      'lan',
      {
        nodeCount: 2,
        nodeOptions: ['--interface', 'eth0'],
        hosts: async (lab) => {
          const { lan } = await lab.nat('home')
          return Promise.all([lab.host('n1', { on: lan }), lab.host('n2', { on: lan })])
        },
      },
      async ({ lab, nodes }) => {
        const [, one, other] = nodes
        if (!one || !other) throw new Error('the network has too few nodes')
        await lab.waitFor(async () => (await nextHop(one, other, nodes)) === other, {
          what: 'packets to stay on the LAN',
          deadlineMs: DEADLINE_MS,
        })
        const [route] = await one.machine.ip('-6', 'route', 'get', other.address)
        expect(route?.['dev']).toBe('eth0')
      },
    ))
})

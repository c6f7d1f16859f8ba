import { rmSync } from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { missingPairs, pingAllPairs } from '../../../lab/pings.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import type { RouteReply, TunnelReply } from '../../../src/core/control/replies.ts'
import { DEADLINE_MS, tunnelsOf, withNetwork } from '../../support/networks.ts'

/** More than both say on a new tunnel at first; a server on which nobody is heard is left after a quarter of a minute. */
const PACKETS = 12

/** How many packets have come over all tunnels of a node that are there. */
async function receivedOver({ machine }: Re6stNode): Promise<number> {
  const links = await machine.ip('-s', 'link', 'show')
  return links
    .filter(({ ifname }) => String(ifname).startsWith('re6stnet'))
    .map(({ stats64 }) => (stats64 as { rx: { packets: number } }).rx.packets)
    .reduce((sum, packets) => sum + packets, 0)
}

describe('kinds of network', () => {
  test('MAC keys authenticate the routing: a node with another key is not heard until it has the right one', () =>
    withNetwork('mac', { nodeCount: 2 }, async ({ lab, network, nodes: [own, one, other] }) => {
      if (!one || !other) throw new Error('the network has too few nodes')
      // It remembers another key than the others have, and cannot ask which it is.
      await network.stopRegistry()
      await one.stop()
      const cacheFile = path.join(one.stateDirectory, 'cache.db')
      const cache = new Database(cacheFile)
      const changed = cache
        .prepare("UPDATE config SET value = ? WHERE name = 'babel_hmac_sign'")
        .run(Buffer.alloc(16, 7))
      cache.close()
      expect(changed.changes).toBe(1)
      one.start('--client', `${own.machine.addresses.ipv4},1194,tcp`)
      await lab.waitFor(async () => (await receivedOver(one)) > PACKETS, {
        what: 'the others to say much over a tunnel',
        deadlineMs: DEADLINE_MS,
      })
      expect(missingPairs(await pingAllPairs([own, one], 500))).toHaveLength(2)
      expect(missingPairs(await pingAllPairs([own, other], 500))).toEqual([])
      await network.startRegistry()
      await one.stop()
      rmSync(cacheFile)
      one.start()
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    }))

  test('encrypted tunnels', () =>
    withNetwork(
      'encrypted',
      { nodeCount: 2, registryOptions: ['--encrypt'] },
      async ({ network, nodes: [own] }) => {
        const { stdout } = await own.machine.capture(
          'sh',
          '-c',
          // Not those of other labs: all machines see the same processes.
          `ip netns pids ${own.machine.namespace} | xargs ps -o args= -p | grep -o 'data-ciphers [^ ]*' | sort -u`,
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

  test('re6st shows the node, its tunnels and its routes', () =>
    withNetwork('re6st', { nodeCount: 1 }, async ({ nodes: [own, one] }) => {
      if (!one) throw new Error('the network has too few nodes')
      const ask = async (request: string) =>
        (await one.machine.run(...programOf('re6st'), request, '--json', '--run', one.runDirectory)).stdout
      expect(JSON.parse(await ask('status'))).toMatchObject({
        connected: true,
        name: one.subnetName,
        address: one.address,
      })
      const tunnels = JSON.parse(await ask('tunnels')) as TunnelReply[]
      expect(tunnels.filter(({ state, peer }) => state === 'up' && peer === own.subnetName)).toHaveLength(1)
      const routes = JSON.parse(await ask('routes')) as RouteReply[]
      expect(routes.find(({ node, installed }) => node === own.subnetName && installed)?.nextHop).toBe(
        own.subnetName,
      )
    }))

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

  test('a node with --client has one tunnel and no server; when it ends, it goes on with another remote', () =>
    withNetwork('client', { nodeCount: 1 }, async ({ lab, network, nodes }) => {
      const [own, one] = nodes
      if (!one) throw new Error('the network has too few nodes')
      const remotes = ['192.0.2.1', own.machine.addresses.ipv4, one.machine.addresses.ipv4]
      const client = await network.join(await lab.host('client'), {
        nodeOptions: ['--client', remotes.map((host) => `${host},1194,tcp`).join(';')],
      })
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      const taps = (await client.machine.ip('link', 'show'))
        .map(({ ifname }) => ifname)
        .filter((name) => /^re6st/.test(String(name)))
      expect(taps).toEqual(['re6stnet'])
      expect(await tunnelsOf(client)).toMatchObject([{ direction: 'client', peer: own.subnetName }])
      await own.stop()
      await network.allPairsPing({ nodes: [one, client], deadlineMs: 2 * DEADLINE_MS })
      expect(await tunnelsOf(client)).toMatchObject([{ direction: 'client', peer: one.subnetName }])
      own.start()
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    }))

  test('a network of private addresses only forms without being told them', () =>
    withLab({ name: 'private' }, async (lab) => {
      const { lan } = await lab.nat('office')
      const network = await Re6stNetwork.create(lab, { registryOn: await lab.host('registry', { on: lan }) })
      await network.join(network.registryMachine)
      for (const name of ['n1', 'n2']) await network.join(await lab.host(name, { on: lan }))
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    }))

  test('nodes on one LAN find each other, prefer it to tunnels, and need nothing else', () =>
    withLab({ name: 'lan' }, async (lab) => {
      const gateway = await lab.nat('home')
      const network = await Re6stNetwork.create(lab, { registryOn: await lab.host('registry') })
      await network.join(network.registryMachine)
      const onLan = ['--interface', 'eth0']
      const machine = await lab.host('n1', { on: gateway.lan })
      const one = await network.join(machine, { nodeOptions: onLan })
      const other = await network.join(await lab.host('n2', { on: gateway.lan }), { nodeOptions: onLan })
      // It has a tunnel, and no tunnel but that to a node which it also meets on the LAN.
      const both = await network.join(await lab.host('n3', { on: gateway.lan }), {
        nodeOptions: [...onLan, '--client', `${machine.addresses.ipv4},1194,tcp`],
      })
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      const ways = async () =>
        Promise.all(
          (
            [
              [one, other],
              [other, both],
              [both, one],
            ] as const
          ).map(async ([from, to]) => {
            const [route] = await from.machine.ip('-6', 'route', 'get', to.address)
            return route?.['dev']
          }),
        )
      await lab.waitFor(
        async () => {
          const [tunnel] = await tunnelsOf(both)
          return tunnel?.cost != null && (await ways()).every((dev) => dev === 'eth0')
        },
        { what: 'packets to stay on the LAN, beside a tunnel', deadlineMs: DEADLINE_MS },
      )
      await gateway.machine.unplug()
      await network.stopRegistry()
      const inside = [one, other, both]
      // Restarted, too: with what is in its cache it needs nobody outside.
      await other.stop()
      other.start()
      await network.allPairsPing({ nodes: inside, deadlineMs: DEADLINE_MS })
      await lab.waitFor(async () => (await ways()).every((dev) => dev === 'eth0'), {
        what: 'packets to be on the LAN again',
        deadlineMs: DEADLINE_MS,
      })
    }))
})

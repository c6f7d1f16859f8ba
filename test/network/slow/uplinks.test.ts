import { describe, expect, test } from 'vitest'
import { type Gateway, type Lab, withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { DEADLINE_MS, renumber, statusOf, tunnelsOf } from '../../support/networks.ts'

/** What the issue allows for an address that has changed. */
const READVERTISED_MS = 60_000

/** Another gateway on the same LAN: a second uplink for everybody there. */
async function addUplink(lab: Lab, { machine }: Gateway, address: string): Promise<Gateway> {
  const uplink = await lab.nat('uplink')
  const far = ['peer', 'name', 'uplink', 'netns', uplink.machine.namespace] as const
  await machine.run('ip', 'link', 'add', 'name', 'uplink', 'type', 'veth', ...far)
  for (const end of [machine, uplink.machine])
    await end.run('ip', 'link', 'set', 'uplink', 'master', 'lan', 'up')
  await uplink.machine.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'lan')
  return uplink
}

// Nodes are started one after the other: long where other tests run beside.
describe('uplinks', { timeout: 900_000 }, () => {
  test('tunnels go through each of two, and through the other when one dies; addresses are advertised as they change', () =>
    withLab({ name: 'uplinks' }, async (lab) => {
      const first = await lab.nat('first')
      const second = await addUplink(lab, first, '192.168.1.254')
      const network = await Re6stNetwork.create(lab, { registryOn: await lab.host('registry') })
      await network.join(network.registryMachine)
      const peer = await network.join(await lab.host('peer'), {
        nodeOptions: [
          ...['--disable-proto', 'none', '--pp', '1195', 'udp', '--pp', '1194', 'tcp'],
          ...['--pp', '1194', 'tcp6', '--pp', '1195', 'udp6'],
        ],
      })
      const machine = await lab.host('multi', { on: first.lan })
      const multi = await network.join(machine, {
        nodeOptions: [
          ...['--ip', 'any', '--remote-gateway', '192.168.1.1', '--remote-gateway', '192.168.1.254'],
        ],
      })
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      const servers = (await peer.machine.ip('link', 'show')).map(({ ifname }) => ifname)
      for (const protocol of ['tcp', 'udp', 'tcp6', 'udp6']) expect(servers).toContain(`re6stnet-${protocol}`)

      const addresses = async (node: typeof multi) =>
        (await statusOf(node)).advertised.map((address) => address.split(',')[0]).sort()
      const isAdvertised = (node: typeof multi, ...expected: (string | undefined)[]) =>
        lab.waitFor(async () => (await addresses(node)).join() === [...expected].sort().join(), {
          what: `${node.name} to advertise ${expected.join(' and ')}`,
          deadlineMs: READVERTISED_MS,
        })
      const gateways = async () =>
        (await machine.ip('-4', 'route', 'show', 'proto', 'static'))
          .map(({ gateway }) => String(gateway))
          .sort()

      // One host route for each tunnel, in turn; and so two addresses.
      await isAdvertised(multi, first.machine.addresses.ipv4, second.machine.addresses.ipv4)
      expect(await gateways()).toEqual(['192.168.1.1', '192.168.1.254'])

      await second.machine.unplug()
      await lab.waitFor(
        async () =>
          (await gateways()).join() === '192.168.1.1,192.168.1.1' && (await tunnelsOf(multi)).length === 2,
        { what: 'both tunnels to go through the first uplink', deadlineMs: DEADLINE_MS },
      )
      await isAdvertised(multi, first.machine.addresses.ipv4)
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })

      // Behind a NAT only others know of the change; a machine on the Internet sees it itself.
      await Promise.all([
        renumber(lab, first.machine, '203.0.113.201'),
        renumber(lab, peer.machine, '203.0.113.202'),
      ])
      const { ipv6 } = peer.machine.addresses
      await Promise.all([
        isAdvertised(multi, '203.0.113.201'),
        isAdvertised(peer, '203.0.113.202', '203.0.113.202', ipv6, ipv6),
      ])
      // Others connect to the new address: those that may, by what it prefers.
      const late = await network.join(await lab.host('late', { families: ['ipv4'] }), {
        nodeOptions: ['--disable-proto', 'none', '--max-clients', '0'],
      })
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      await lab.waitFor(
        async () =>
          (await tunnelsOf(late)).some(
            ({ peer: name, protocol, underlay }) =>
              name === peer.subnetName && protocol === 'udp' && underlay === '203.0.113.202:1195',
          ),
        { what: 'a tunnel to the new address', deadlineMs: DEADLINE_MS },
      )
      for (const { peer: name, protocol } of await tunnelsOf(multi))
        expect([name, protocol]).toEqual([name, 'tcp'])

      await multi.stop()
      expect(await gateways()).toEqual([])
    }))
})

import { expect, test } from 'vitest'
import { type Gateway, type Lab, withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, renumber, statusOf, tunnelsOf } from '../../support/networks.ts'

/** Less than the minute in which OpenVPN, at the default hello interval, would miss its peer. */
const READVERTISED_MS = 50_000
const DEFAULT_HELLO_SECONDS = 15

/** As most gateways are, and Linux is not unless told: packets of connections that it does not know are lost without a word. */
async function dropUnknownConnections(gateway: Machine): Promise<void> {
  await gateway.run('sh', '-c', 'echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose')
  await gateway.run('nft', 'insert rule inet gateway inwards ct state invalid drop')
}

/** A machine behind a gateway that translates IPv6, too, and has a unique local address (RFC 4193) of it only. */
async function behindNat66(lab: Lab, gateway: Gateway): Promise<Machine> {
  const { machine, lan } = gateway
  await machine.run('nft', 'add rule inet gateway outwards meta nfproto ipv6 oifname "eth0" masquerade')
  await machine.run('ip', '-6', 'addr', 'add', 'fd00:6::1/64', 'dev', 'lan', 'nodad')
  const inside = await lab.host('inside', { on: lan })
  await inside.run('ip', '-6', 'addr', 'del', `${inside.addresses.ipv6}/64`, 'dev', 'eth0')
  await inside.run('ip', '-6', 'addr', 'add', 'fd00:6::2/64', 'dev', 'eth0', 'nodad')
  return inside
}

/** Gives a machine another IPv6 address, and takes away the one that it had. @returns the new one */
async function renumberIpv6(machine: Machine): Promise<string> {
  const old = machine.addresses.ipv6 ?? ''
  const other = old.replace(/1$/, '201')
  await machine.run('ip', '-6', 'addr', 'add', `${other}/64`, 'dev', 'eth0', 'nodad')
  await machine.run('ip', '-6', 'addr', 'del', `${old}/64`, 'dev', 'eth0')
  return other
}

/** The hosts that a node advertises for a protocol. */
const advertised = async (node: Re6stNode, protocol: string): Promise<readonly string[]> =>
  (await statusOf(node)).advertised
    .map((address) => address.split(','))
    .filter(([, , each]) => each === protocol)
    .map(([host = '']) => host)

const isAdvertised = (lab: Lab, node: Re6stNode, protocol: string, address: string) =>
  lab.waitFor(async () => (await advertised(node, protocol)).includes(address), {
    what: `${node.name} to advertise ${address} (${protocol})`,
    deadlineMs: READVERTISED_MS,
  })

/** The server at the other end of a tunnel sees the node there. */
const isSeen = (lab: Lab, node: Re6stNode, server: Re6stNode, address: string) =>
  lab.waitFor(
    async () =>
      (await tunnelsOf(server)).some(
        ({ peer, underlay }) => peer === node.subnetName && underlay?.includes(address),
      ),
    { what: `${server.name} to see ${node.name} at ${address}`, deadlineMs: READVERTISED_MS },
  )

test('a new address is advertised within a minute at the default hello interval, also where only servers can tell', () =>
  withLab({ name: 'renumbering' }, async (lab) => {
    const network = await Re6stNetwork.create(lab, {
      registryOn: await lab.host('registry'),
      helloSeconds: DEFAULT_HELLO_SECONDS,
    })
    // IPv6 is preferred by whoever has it.
    const servers = ['--pp', '1194', 'tcp6', '--pp', '1194', 'tcp']
    const udp = ['--pp', '1194', 'udp']
    const own = await network.join(network.registryMachine, {
      nodeOptions: [...servers, ...udp, '--disable-proto', 'none', '--client-count', '0'],
    })
    const home = await lab.nat('home')
    await dropUnknownConnections(home.machine)
    const behind = await network.join(await lab.host('behind', { on: home.lan }), {
      nodeOptions: ['--ip', 'any'],
    })
    // Over UDP, OpenVPN follows it: its tunnel goes on, and only the server could notice.
    const flat = await lab.nat('flat')
    const floating = await network.join(await lab.host('floating', { on: flat.lan }), {
      nodeOptions: ['--ip', 'any', ...udp, '--disable-proto', 'tcp', '--disable-proto', 'tcp6'],
    })
    const six = await lab.nat('six', { families: ['ipv4', 'ipv6'] })
    await dropUnknownConnections(six.machine)
    const inside = await network.join(await behindNat66(lab, six), {
      nodeOptions: ['--ip', 'any', '--pp', '1194', 'tcp6'],
    })
    const open = await network.join(await lab.host('open'), { nodeOptions: servers })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    await isAdvertised(lab, behind, 'tcp', home.machine.addresses.ipv4 ?? '')
    await isAdvertised(lab, open, 'tcp6', open.machine.addresses.ipv6 ?? '')

    await isAdvertised(lab, floating, 'udp', flat.machine.addresses.ipv4 ?? '')
    await isSeen(lab, open, own, open.machine.addresses.ipv6 ?? '')

    await isAdvertised(lab, inside, 'tcp6', six.machine.addresses.ipv6 ?? '')

    const since = (await tunnelsOf(floating)).map(({ since }) => since)
    const newIpv6 = await renumberIpv6(open.machine)
    const newOutside = await renumberIpv6(six.machine)
    await renumber(lab, home.machine, '203.0.113.201')
    await renumber(lab, open.machine, '203.0.113.202')
    await renumber(lab, flat.machine, '203.0.113.203')
    await Promise.all([
      isAdvertised(lab, behind, 'tcp', '203.0.113.201'),
      isAdvertised(lab, open, 'tcp', '203.0.113.202'),
      isAdvertised(lab, open, 'tcp6', newIpv6),
      isSeen(lab, open, own, newIpv6),
      isAdvertised(lab, floating, 'udp', '203.0.113.203'),
      isAdvertised(lab, inside, 'tcp6', newOutside),
      isSeen(lab, floating, own, '203.0.113.203'),
    ])
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    // And nobody is told the old ones.
    expect(await advertised(open, 'tcp6')).toEqual([newIpv6])
    expect(await advertised(open, 'tcp')).toEqual(['203.0.113.202'])
    expect(await advertised(floating, 'udp')).toEqual(['203.0.113.203'])
    expect((await tunnelsOf(floating)).map(({ since }) => since)).toEqual(since)
    await lab.waitFor(async () => (await advertised(inside, 'tcp6')).join() === newOutside, {
      what: 'each of its tunnels to be made anew',
      deadlineMs: DEADLINE_MS,
    })
  }))

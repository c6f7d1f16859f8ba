import { expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { NARROW_PATH } from '../../support/narrow-path.ts'
import { DEADLINE_MS } from '../../support/networks.ts'

/** What every IPv6 link takes, and so our taps over UDP; what our taps take over TCP. */
const [SMALL, FULL] = [1280, 1500]
/** IPv4 and ICMP headers of a ping. */
const HEADERS = 28

/** A ping of this size; what it said. Nobody may fragment it, or everybody. */
async function ping(from: Re6stNode, to: string, size: number, fragments: 'do' | 'dont'): Promise<string> {
  const options = ['-4', '-c1', '-W2', '-M', fragments, '-s', String(size - HEADERS)]
  const { stdout, stderr } = await from.machine.capture('ping', ...options, to)
  return stdout + stderr
}

const arrives = (lab: Lab, from: Re6stNode, to: string, size: number, fragments: 'do' | 'dont') =>
  lab.waitFor(async () => (await ping(from, to, size, fragments)).includes(' 1 received'), {
    what: `${size} bytes of IPv4 from ${from.name} to ${to}`,
    deadlineMs: DEADLINE_MS,
  })

test('over UDP, a full-size IPv4 packet arrives in fragments, or its sender is told what fits', () =>
  withLab({ name: 'ipv4-sizes' }, async (lab) => {
    const registryOn = await lab.host('server')
    const network = await Re6stNetwork.create(lab, {
      registryOn,
      registryOptions: ['--ipv4', '10.42.0.0/16', '8'],
    })
    await lab.internet.router.run('nft', NARROW_PATH)
    const any = ['--disable-proto', 'none']
    const server = await network.join(registryOn, {
      nodeOptions: [...any, '--pp', '1194', 'tcp', '--pp', '1194', 'udp', '--client-count', '0'],
    })
    const client = async (protocol: 'tcp' | 'udp') =>
      network.join(await lab.host(protocol), {
        nodeOptions: [...any, '--client', `${registryOn.addresses.ipv4},1194,${protocol}`],
      })
    const overTcp = await client('tcp')
    const overUdp = await client('udp')
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const nodes = [server, overTcp, overUdp] as const
    const addresses = new Map(nodes.map((node, serial) => [node, `10.42.${serial}.1`]))
    const addressOf = (node: Re6stNode) => addresses.get(node) ?? ''

    for (const from of nodes)
      for (const to of nodes)
        if (from !== to) {
          const isUdp = from === overUdp || to === overUdp
          await arrives(lab, from, addressOf(to), isUdp ? SMALL : FULL, 'do')
          await arrives(lab, from, addressOf(to), FULL, 'dont')
          if (!isUdp) continue
          // By the kernel of the sender, or by the node that would have to send it on.
          const said = await ping(from, addressOf(to), FULL, 'do')
          expect(said, `${from.name} to ${to.name}`).not.toContain(' 1 received')
          expect(said, `${from.name} to ${to.name}`).toMatch(/(frag needed|too long).*mtu ?= ?1280/i)
        }
    const { stdout } = await lab.internet.router.run('nft', 'list', 'counter', 'inet', 'narrow', 'large')
    expect(stdout, 'nothing was too large for the path').toMatch(/packets 0 /)
  }))

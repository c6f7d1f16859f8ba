import { describe, expect, test } from 'vitest'
import { pingFrom } from '../../../lab/pings.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, nextHop, withNetwork } from '../../support/networks.ts'

/** The IPv4 addresses of a node's main interface that belong to the payload. */
async function payloadAddresses(node: Re6stNode): Promise<string[]> {
  const [lo] = await node.machine.ip('-4', 'addr', 'show', 'dev', 'lo')
  return ((lo?.['addr_info'] ?? []) as { local: string; prefixlen: number }[])
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .filter((address) => address.startsWith('10.'))
}

/** Whether all of these addresses answer the node. */
const reaches = async (node: Re6stNode, addresses: readonly string[]): Promise<boolean> =>
  [...(await pingFrom(node.machine, addresses, 500)).values()].every((time) => time !== undefined)

describe('IPv4 payload', () => {
  test('every node pings every other; nobody has the rest; another range is taken at once', () =>
    withNetwork(
      'ipv4',
      { nodeCount: 2, registryOptions: ['--ipv4', '10.42.0.0/16', '8'] },
      async ({ lab, network, nodes }) => {
        const allPing = (range: string) =>
          lab.waitFor(
            async () => {
              const all = [0, 1, 2].map((serial) => `10.${range}.${serial}.1`)
              return (await Promise.all(nodes.map((node) => reaches(node, all)))).every(Boolean)
            },
            { what: `all nodes to ping each other in 10.${range}.0.0/16`, deadlineMs: DEADLINE_MS },
          )
        await allPing('42')
        const [own] = nodes
        expect(await payloadAddresses(own)).toEqual(['10.42.0.1/32'])
        const { stderr, stdout } = await own.machine.capture('ping', '-c1', '-W1', '10.42.77.1')
        expect(stderr + stdout).toMatch(/unreachable|No route to host/i)

        // The rest of our subnet is nobody's either, until it is routed to somebody.
        const rest = await nodes[1]?.machine.capture('ping', '-c1', '-W1', '10.42.0.77')
        expect(rest?.end).not.toEqual({ kind: 'exited', status: 0 })

        await network.stopRegistry()
        await network.startRegistry('--ipv4', '10.43.0.0/16', '8')
        await allPing('43')
        expect(await payloadAddresses(own)).toEqual(['10.43.0.1/32'])
        expect(await own.machine.ip('-4', 'route', 'show', 'type', 'unreachable', '10.42.0.0/16')).toEqual([])
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      },
    ))

  test('a node whose number does not fit forwards for the others', () =>
    withNetwork(
      'ipv4-through',
      { nodeCount: 2, registryOptions: ['--ipv4', '10.42.0.0/16', '1'] },
      async ({ lab, nodes }) => {
        const [own, one, without] = nodes
        if (!one || !without) throw new Error('the network has too few nodes')
        expect(await payloadAddresses(without)).toEqual([])
        const { stdout } = await without.machine.run('cat', `${without.logDirectory}/re6stnet.log`)
        expect(stdout).toMatch(/the serial number 2 of this node does not fit into 1 bits/)
        // With the path to the first one, the registry is out of reach: nobody could tell them of each other any more.
        await lab.waitFor(async () => (await nextHop(one, without, nodes)) === without, {
          what: 'a tunnel between the other two',
          deadlineMs: DEADLINE_MS,
        })
        await lab.cut(own.machine, one.machine)
        await lab.waitFor(async () => (await nextHop(own, one, nodes)) === without, {
          what: 'packets to go through the node without IPv4',
          deadlineMs: DEADLINE_MS,
        })
        await lab.waitFor(() => reaches(own, ['10.42.128.1']), {
          what: 'a ping through the node without IPv4',
          deadlineMs: DEADLINE_MS,
        })
        await lab.waitFor(() => reaches(one, ['10.42.0.1']), {
          what: 'a ping the other way',
          deadlineMs: DEADLINE_MS,
        })
      },
    ))
})

import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { type ForwardedPort, Miniupnpd } from '../../../lab/miniupnpd.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import type { StatusReply, TunnelReply } from '../../../src/core/control/replies.ts'
import { DEADLINE_MS, statusOf } from '../../support/networks.ts'

async function ask<Reply>(node: Re6stNode, request: 'status' | 'tunnels'): Promise<Reply> {
  const { stdout } = await node.machine.run(
    ...programOf('re6st'),
    ...[request, '--json', '--run', node.runDirectory],
  )
  return JSON.parse(stdout) as Reply
}

/** By machine of the LAN. */
const portsOf = (ports: readonly ForwardedPort[]): ForwardedPort[] =>
  ports
    .map(({ to, ...port }) => ({ ...port, to: to.replace(/:1194$/, '') }))
    .sort((first, second) => first.to.localeCompare(second.to))

describe('two nodes behind one gateway that forwards ports', () => {
  test('are reached by a node that nobody can connect to, from outside, until they stop', () =>
    withLab({ name: 'forwarded' }, async (lab) => {
      const registryOn = await lab.host('registry')
      const gateway = await lab.nat('home')
      const daemon = await Miniupnpd.start(lab, gateway)
      const network = await Re6stNetwork.create(lab, {
        registryOn,
        // A peer that could not be asked for its address is asked again soon.
        registryOptions: ['--tunnel-refresh', '10'],
      })
      await network.join(registryOn)
      const inside = [
        await network.join(await lab.host('n1', { on: gateway.lan }), {
          nodeOptions: ['--client-count', '1'],
        }),
        await network.join(await lab.host('n2', { on: gateway.lan }), {
          nodeOptions: ['--client-count', '1', '--ip', 'upnp'],
        }),
      ] as const

      const advertised = await Promise.all(
        inside.map((node) =>
          lab.waitFor(
            async () =>
              (await ask<StatusReply>(node, 'status')).advertised.find((address) =>
                address.startsWith(`${daemon.externalAddress},`),
              ),
            { what: `${node.name} to advertise what the gateway gave it`, deadlineMs: DEADLINE_MS },
          ),
        ),
      )
      const forwarded = portsOf(await daemon.forwardedPorts())
      expect(
        advertised.map((address, index) => `${address} ${inside[index]?.machine.addresses.ipv4}`),
      ).toEqual(
        forwarded.map(({ externalPort, to }) => `${daemon.externalAddress},${externalPort},tcp ${to}`),
      )

      // Nobody can make a tunnel to it: those with the others are its own. It may have two, so it is told with whom.
      const outside = await network.join(await lab.host('outside'), {
        nodeOptions: [
          ...['--max-clients', '0'],
          ...inside.flatMap(({ subnetName }) => ['--neighbour', subnetName]),
        ],
      })
      const remotes = await lab.waitFor(
        async () => {
          const tunnels = (await ask<TunnelReply[]>(outside, 'tunnels')).filter(({ state }) => state === 'up')
          const found = inside.map(
            ({ subnetName }) => tunnels.find(({ peer }) => peer === subnetName)?.underlay,
          )
          return found.every((underlay) => underlay != null) && found
        },
        { what: 'tunnels to both from outside', deadlineMs: 2 * DEADLINE_MS },
      )
      // The address that only the mapping told of: the gateway's own traffic comes from another.
      for (const underlay of remotes) expect(underlay).toContain(daemon.externalAddress)

      // Killed: what it leaves is taken over by its next start, not doubled.
      const [one, other] = inside
      await one.killHard()
      one.start()
      const isForwarded = async () =>
        (await statusOf(one)).advertised.some((address) => address.includes(daemon.externalAddress))
      await lab.waitFor(isForwarded, {
        what: 'the killed node to have its port again',
        deadlineMs: DEADLINE_MS,
      })
      expect(portsOf(await daemon.forwardedPorts())).toEqual(forwarded)

      await one.stop()
      expect(portsOf(await daemon.forwardedPorts())).toEqual(forwarded.slice(1))
      await other.stop()
      expect(await daemon.forwardedPorts()).toEqual([])
    }))
})

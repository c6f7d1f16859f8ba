import { describe, expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { natPmpGateway } from '../../support/nat-pmp-gateway.ts'
import {
  DEADLINE_MS,
  nextHop,
  statusOf,
  type TestNetwork,
  tunnelsOf,
  withNetwork,
} from '../../support/networks.ts'

/** Alone on a machine it takes a second; in the finding that this is about, most of a minute. */
const AROUND_MS = 25_000
/** Four hello intervals of silence, and a new tunnel. */
const AGAIN_MS = 45_000

/** A network of the registry's node, one on the Internet, and one behind a NAT. */
const withOneBehindNat = (
  name: string,
  helloSeconds: number,
  scenario: (network: TestNetwork, outside: Re6stNode, inside: Re6stNode, gateway: Machine) => Promise<void>,
) => {
  let gateway: Machine | undefined
  return withNetwork(
    name,
    {
      ...{ nodeCount: 2, helloSeconds },
      // Which nodes have a tunnel with each other is chance; those that could not be asked are asked again soon.
      registryOptions: ['--tunnel-refresh', '10'],
      async hosts(lab) {
        const nat = await lab.nat('home')
        gateway = nat.machine
        return [await lab.host('outside'), await lab.host('inside', { on: nat.lan })]
      },
    },
    async (network) => {
      const [, outside, inside] = network.nodes
      if (!outside || !inside || !gateway) throw new Error('the network has too few nodes')
      await scenario(network, outside, inside, gateway)
    },
  )
}

/** Breaks something while packets flow. @returns for how long none came */
async function outage(
  lab: Lab,
  [from, to]: readonly [Re6stNode, Re6stNode],
  breakIt: () => Promise<unknown>,
  isOver: () => Promise<boolean>,
): Promise<number> {
  const pings = new PingMonitor(from.machine, to.address)
  await lab.waitFor(() => pings.steadyMs > 500, { what: 'steady pings', deadlineMs: DEADLINE_MS })
  pings.reset()
  await breakIt()
  await lab.waitFor(async () => (await isOver()) && pings.steadyMs > 2_000, {
    what: 'packets to flow again',
    deadlineMs: 3 * DEADLINE_MS,
  })
  const { longestGapMs } = await pings.stop()
  console.log(`no packets for ${(longestGapMs / 1000).toFixed(2)} s`)
  return longestGapMs
}

describe('a node behind a NAT', () => {
  test('is reached around a cut of the path to the one it has a tunnel with', () =>
    withOneBehindNat('nat-cut', 1, async ({ lab, network, nodes }, outside, inside) => {
      await lab.waitFor(async () => (await nextHop(inside, outside, nodes)) === outside, {
        what: 'a tunnel to the one outside',
        deadlineMs: DEADLINE_MS,
      })
      const lostMs = await outage(
        lab,
        [outside, inside],
        () => lab.cut(outside.machine, inside.machine),
        async () => {
          const hop = await nextHop(inside, outside, nodes)
          return hop !== undefined && hop !== outside
        },
      )
      expect(lostMs).toBeLessThan(AROUND_MS)
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    }))

  test('is back when the gateway has forgotten all its connections', () =>
    withOneBehindNat('nat-lost', 4, async ({ lab, network }, outside, inside, gateway) => {
      const lostMs = await outage(
        lab,
        [outside, inside],
        () => forgetConnections(gateway),
        async () => true,
      )
      expect(lostMs).toBeLessThan(AGAIN_MS)
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    }))
})

test('behind two NATs, of which the outer one sends everything to the inner, a node is reached by what that forwards', () =>
  withLab({ name: 'dmz' }, async (lab) => {
    const network = await Re6stNetwork.create(lab, {
      registryOn: await lab.host('registry'),
      registryOptions: ['--tunnel-refresh', '10'],
    })
    // Whoever makes no tunnel of its own is told by nobody where others see it: the registry's node waits for one.
    await network.join(network.registryMachine, { nodeOptions: ['--client-count', '0'] })
    const outer = await lab.nat('modem')
    const inner = await lab.nat('router', { behind: outer })
    await lab.sendEverything(outer, inner.machine)
    // It forwards what it is asked to, and says of itself what it knows: that its address is private.
    const { ipv4: own = '' } = inner.machine.addresses
    await inner.machine
      .start([process.execPath, '-e', natPmpGateway(own, { forwards: true })], { name: 'nat-pmp' })
      .line(/^ready$/)
    const inside = await network.join(await lab.host('inside', { on: inner.lan }))
    const advertised = await lab.waitFor(
      async () =>
        (await statusOf(inside)).advertised.find((address) =>
          address.startsWith(`${outer.machine.addresses.ipv4},`),
        ),
      { what: 'it to advertise the address that others see', deadlineMs: DEADLINE_MS },
    )
    expect(advertised).toMatch(/,tcp$/)
    // Nobody can make a tunnel to this one: it makes its own.
    const outside = await network.join(await lab.host('outside'), {
      nodeOptions: ['--max-clients', '0', '--neighbour', inside.subnetName],
    })
    const tunnel = await lab.waitFor(
      async () =>
        (await tunnelsOf(outside)).find(({ peer, state }) => peer === inside.subnetName && state === 'up'),
      { what: 'a tunnel from outside', deadlineMs: 2 * DEADLINE_MS },
    )
    expect(tunnel).toMatchObject({ direction: 'client' })
    expect(tunnel.underlay).toContain(outer.machine.addresses.ipv4)
    // It stays forwarded, whatever the gateway says of its address.
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    expect((await statusOf(inside)).advertised).toContain(advertised)
  }))

/**
 * A gateway forgets what it translated when its line was down for a moment. What comes in the middle of a connection is not
 * translated again: without that, the machine behind it would notice nothing.
 */
const forgetConnections = (gateway: Machine) =>
  gateway.run(
    ...(['sh', '-ec'] as const),
    `echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose
     routes=$(ip -4 route show dev eth0)
     ip link set dev eth0 down
     ip link set dev eth0 up
     echo "$routes" | sort -r | while read -r route; do ip -4 route replace $route dev eth0 onlink; done`,
  )

import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { Miniupnpd } from '../../../lab/miniupnpd.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { DEADLINE_MS, statusOf, tunnelsOf } from '../../support/networks.ts'

/** Far shorter than what a node asks for. */
const LEASE_SECONDS = 16

test('a node keeps its port through short leases, a gateway that forgot it, has another address and speaks IGD 1 only, and gives it back after a kill', () =>
  withLab({ name: 'forwarding' }, async (lab) => {
    const gateway = await lab.nat('home')
    const daemon = await Miniupnpd.start(lab, gateway, {
      ...{ upnp: false, natPmp: false },
      maxLeaseSeconds: LEASE_SECONDS,
    })
    const network = await Re6stNetwork.create(lab, {
      registryOn: await lab.host('registry'),
      registryOptions: ['--tunnel-refresh', '10'],
    })
    await network.join(network.registryMachine)
    const machine = await lab.host('inside', { on: gateway.lan })
    const inside = await network.join(machine, { nodeOptions: ['--ip', 'upnp', '--client-count', '1'] })
    const forwarded = async () =>
      (await daemon.forwardedPorts()).map(
        ({ protocol, externalPort, to }) => `${protocol} ${externalPort} ${to}`,
      )
    const ours = `tcp 1194 ${machine.addresses.ipv4}:1194`
    const isAdvertised = () =>
      lab.waitFor(
        async () =>
          (await statusOf(inside)).advertised.join() === `${daemon.externalAddress},1194,tcp` &&
          (await forwarded()).join() === ours,
        { what: `${daemon.externalAddress} to be advertised, and forwarded`, deadlineMs: DEADLINE_MS },
      )
    await isAdvertised()

    // For longer than two leases, the port is ours at each moment.
    const startMs = performance.now()
    await lab.waitFor(
      async () => {
        const now = await forwarded()
        return now.join() !== ours || performance.now() - startMs > 2.5 * LEASE_SECONDS * 1_000
      },
      { what: 'two leases to end', deadlineMs: DEADLINE_MS },
    )
    expect(await forwarded()).toEqual([ours])

    // Another address, another protocol, and an empty list of leases.
    await daemon.changeAddress('20.0.113.201')
    await daemon.restart({ natPmp: false, pcp: false, onlyIgd1: true })
    expect(await forwarded()).toEqual([])
    await isAdvertised()
    const outside = await network.join(await lab.host('outside'), {
      nodeOptions: ['--max-clients', '0', '--client-count', '3'],
    })
    await lab.waitFor(
      async () =>
        (await tunnelsOf(outside)).some(
          ({ peer, underlay }) => peer === inside.subnetName && underlay === `${daemon.externalAddress}:1194`,
        ),
      { what: 'a tunnel from outside to the new address', deadlineMs: 2 * DEADLINE_MS },
    )

    await inside.killHard()
    inside.start('--ip', 'any', '--client-count', '1')
    await lab.waitFor(async () => (await forwarded()).length === 0, {
      what: 'what the killed node left to be removed by one that wants no port',
      deadlineMs: DEADLINE_MS,
    })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
  }))

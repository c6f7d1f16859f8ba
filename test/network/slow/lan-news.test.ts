import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, statusOf, tunnelsOf } from '../../support/networks.ts'

/** As networks have it: with a short one, a node hears of everything soon, whoever tells it. */
const HELLO_SECONDS = 15
const RANGE = '10.42.0.0/16'

test('a node with no tunnel is told on its LAN of a change of the network that it has missed', () =>
  withLab({ name: 'lan-news' }, async (lab) => {
    const home = await lab.nat('home')
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: HELLO_SECONDS })
    await network.join(network.registryMachine)
    const onLan = ['--interface', 'eth0']
    const connected = await network.join(await lab.host('n1', { on: home.lan }), { nodeOptions: onLan })
    const alone = await network.join(await lab.host('n2', { on: home.lan }), {
      nodeOptions: [...onLan, '--client-count', '0', '--max-clients', '0'],
    })
    await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
    expect(await tunnelsOf(alone)).toEqual([])

    const hears = (node: Re6stNode) =>
      lab.waitFor(async () => (await statusOf(node)).configuration.ipv4 === RANGE, {
        what: `${node.name} to have the new configuration`,
        deadlineMs: 2 * DEADLINE_MS,
      })
    await alone.machine.unplug()
    await network.stopRegistry()
    await network.startRegistry('--ipv4', RANGE, '8')
    await hears(connected)
    expect((await statusOf(alone)).configuration.ipv4).toBeNull()
    await alone.machine.plugIn()
    await hears(alone)
    await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
  }))

import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, tunnelsOf } from '../../support/networks.ts'

test('--remote-gateway: the route to an address that two nodes share stays until the tunnels to both have ended', () =>
  withLab({ name: 'shared-route' }, async (lab) => {
    const network = await Re6stNetwork.create(lab, {
      registryOn: await lab.host('registry'),
      registryOptions: ['--tunnel-refresh', '10'],
    })
    await network.join(network.registryMachine)
    const office = await lab.nat('office')
    const shared = office.machine.addresses.ipv4 ?? ''
    await office.machine.run(
      'nft',
      `add chain inet gateway ports { type nat hook prerouting priority dstnat; }
       insert rule inet gateway inwards ct status dnat accept`,
    )
    const inside: Re6stNode[] = []
    for (const port of ['1194', '1195']) {
      const machine = await lab.host(`n${port}`, { on: office.lan })
      const to = `iifname "eth0" tcp dport ${port} dnat ip to ${machine.addresses.ipv4}`
      await office.machine.run('nft', `add rule inet gateway ports ${to}`)
      inside.push(
        await network.join(machine, {
          nodeOptions: ['--ip', shared, '--pp', port, 'tcp', '--client-count', '1'],
        }),
      )
    }
    const home = await lab.nat('home')
    const gateway = '192.168.2.1'
    const multi = await network.join(await lab.host('multi', { on: home.lan }), {
      nodeOptions: [
        ...['--remote-gateway', gateway, '--max-clients', '0'],
        // Both of them: two tunnels that it chose would be replaced, the one with the fewest routes each time.
        ...inside.flatMap(({ subnetName }) => ['--neighbour', subnetName]),
      ],
    })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const users = async () =>
      (await tunnelsOf(multi)).filter(({ underlay }) => underlay?.startsWith(`${shared}:`)).length
    const routes = async () =>
      (await multi.machine.ip('-4', 'route', 'show', 'proto', 'static', shared)).map(
        (route) => route['gateway'],
      )
    const untilUsers = (count: number) =>
      lab.waitFor(async () => (await users()) === count, {
        what: `${count} tunnels to ${shared}`,
        deadlineMs: 2 * DEADLINE_MS,
      })
    await untilUsers(2)
    const deleted: string[] = []
    multi.machine.start(['ip', '-4', 'monitor', 'route'], {
      onLine: (line) => void (line.startsWith(`Deleted ${shared}`) && deleted.push(line)),
    })
    expect(await routes()).toEqual([gateway])
    const [first, second] = inside
    await first?.stop()
    await untilUsers(1)
    expect(await routes()).toEqual([gateway])
    // Not for a moment: an attempt to reach the one that is gone would have made it anew.
    expect(deleted).toEqual([])
    await second?.stop()
    await untilUsers(0)
    await lab.waitFor(async () => (await routes()).length === 0, {
      what: 'the route to be removed',
      deadlineMs: DEADLINE_MS,
    })
    expect(deleted).not.toEqual([])
  }))

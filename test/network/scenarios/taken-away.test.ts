import { expect, test } from 'vitest'
import { pingFrom } from '../../../lab/pings.ts'
import { DEADLINE_MS, pings, withNetwork } from '../../support/networks.ts'

test('addresses that a network manager takes away are put back, and packets of both families flow again', () =>
  withNetwork(
    'taken-away',
    {
      nodeCount: 2,
      registryOptions: ['--ipv4', '10.42.0.0/16', '8'],
      nodeOptions: ['--main-interface', 'eth0'],
    },
    async ({ lab, network, nodes: [own, one] }) => {
      if (!one) throw new Error('the network has too few nodes')
      const others = ['10.42.0.1', '10.42.2.1']
      const reachesAll = async () =>
        [...(await pingFrom(one.machine, others, 1_000)).values()].every((time) => time !== undefined)
      await lab.waitFor(reachesAll, { what: 'IPv4 to all', deadlineMs: DEADLINE_MS })
      for (const [family, address] of [
        ['-6', `${one.address}/64`],
        ['-4', '10.42.1.1/32'],
      ] as const) {
        await one.machine.run('ip', family, 'addr', 'del', address, 'dev', 'eth0')
        await lab.waitFor(
          async () =>
            (await one.machine.run('ip', family, 'addr', 'show', 'dev', 'eth0')).stdout.includes(
              ` ${address} `,
            ),
          { what: `${address} to be put back`, deadlineMs: DEADLINE_MS },
        )
        await lab.waitFor(reachesAll, { what: `IPv4 to all without ${address}`, deadlineMs: DEADLINE_MS })
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
        await pings(lab, own.machine, '10.42.1.1')
      }
      expect(one.daemon?.end).toBeUndefined()
    },
  ))

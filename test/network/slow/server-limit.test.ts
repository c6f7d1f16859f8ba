import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, pings, statusOf, tunnelsOf } from '../../support/networks.ts'

const TIMEOUT_MS = 1_200_000

/** Of its servers: which ports are listened on. */
const listening = async ({ machine }: Re6stNode): Promise<string> =>
  (await machine.run('ss', '-Hltn', 'sport = :1194')).stdout.trim()

describe('max_clients of the registry', () => {
  test(
    'raised from 0 starts servers that others connect to, set to 0 ends them; other tunnels stay',
    { timeout: TIMEOUT_MS },
    () =>
      withLab({ name: 'server-limit' }, async (lab) => {
        const registryOn = await lab.host('registry')
        const [on, clientOn] = [await lab.host('n1'), await lab.host('n2')]
        const network = await Re6stNetwork.create(lab, {
          registryOn,
          registryOptions: ['--max-clients', '0'],
        })
        const own = await network.join(registryOn, { nodeOptions: ['--max-clients', '9'] })
        const node = await network.join(on)
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
        const toRegistry = async () =>
          (await tunnelsOf(node))
            .filter(({ direction, peer }) => direction === 'client' && peer === own.subnetName)
            .map(({ iface, since }) => ({ iface, since }))
        const before = await toRegistry()
        expect(before).toHaveLength(1)
        expect((await statusOf(node)).advertised).toEqual([])
        expect(await listening(node)).toBe('')

        const limit = async (clients: number) => {
          await network.stopRegistry()
          await network.startRegistry('--max-clients', `${clients}`)
        }
        await limit(4)
        await lab.waitFor(async () => (await listening(node)) !== '', {
          what: 'the node to listen',
          deadlineMs: DEADLINE_MS,
        })
        const { advertised } = await statusOf(node)
        expect(advertised.join(' ')).toContain(`${on.addresses.ipv4},1194,tcp`)
        const client = await network.join(clientOn, {
          nodeOptions: ['--client', `${on.addresses.ipv4},1194,tcp`],
        })
        await pings(lab, clientOn, own.address)
        expect(await toRegistry()).toEqual(before)

        await limit(0)
        await lab.waitFor(async () => (await listening(node)) === '', {
          what: 'the node to listen no more',
          deadlineMs: DEADLINE_MS,
        })
        await lab.waitFor(
          async () => (await tunnelsOf(node)).every(({ direction }) => direction === 'client'),
          {
            what: 'the clients of the node to be gone',
            deadlineMs: DEADLINE_MS,
          },
        )
        expect((await statusOf(node)).advertised).toEqual([])
        expect(await toRegistry()).toEqual(before)
        await lab.waitFor(async () => (await tunnelsOf(client)).length === 0, {
          what: 'the client to have no tunnel any more',
          deadlineMs: DEADLINE_MS,
        })
        await network.allPairsPing({ nodes: [own, node], deadlineMs: DEADLINE_MS })
      }),
  )
})

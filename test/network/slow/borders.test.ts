import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { countryDatabase } from '../../support/mmdb.ts'
import { DEADLINE_MS, statusOf, tunnelsOf } from '../../support/networks.ts'

// Nodes are started one after the other: long where other tests run beside.
describe('whom a node makes tunnels with', { timeout: 300_000 }, () => {
  test('is nobody across the border of a country that is to stay among itself; and whoever must be its neighbour', () =>
    withLab({ name: 'borders' }, async (lab) => {
      const ipv4 = { families: ['ipv4'] } as const
      const registryOn = await lab.host('registry', ipv4)
      const french = [await lab.host('f1', ipv4), await lab.host('f2', ipv4)] as const
      const german = [await lab.host('d1', ipv4), await lab.host('d2', ipv4)] as const
      const database = path.join(registryOn.directory, 'countries.mmdb')
      const of = (country: string, continent: string) => [country, continent] as const
      writeFileSync(
        database,
        countryDatabase(
          Object.fromEntries([
            ...[registryOn, ...french].map(({ addresses }) => [addresses.ipv4 ?? '', of('FR', 'EU')]),
            ...german.map(({ addresses }) => [addresses.ipv4 ?? '', of('DE', 'EU')]),
          ]),
        ),
      )
      const network = await Re6stNetwork.create(lab, {
        registryOn,
        registryOptions: ['--same-country', 'FR'],
        registryEnvironment: { GEOIP2_MMDB: database },
      })
      const own = await network.join(registryOn)
      const one = await network.join(french[0], { nodeOptions: ['--client-count', '1'] })
      // A country that is said counts more than the address.
      const said = await network.join(german[1], { nodeOptions: ['--client-count', '1', '--country', 'FR'] })
      const inside = [own, one, said]
      await network.allPairsPing({ nodes: inside, deadlineMs: DEADLINE_MS })
      const neighbours = [one, said].flatMap(({ subnetName }) => ['--neighbour', subnetName])
      const other = await network.join(french[1], { nodeOptions: ['--client-count', '1', ...neighbours] })
      inside.push(other)
      await network.allPairsPing({ nodes: inside, deadlineMs: DEADLINE_MS })
      await lab.waitFor(
        async () => {
          const peers = (await tunnelsOf(other)).map(({ peer }) => peer)
          return [one, said].every(({ subnetName }) => peers.includes(subnetName))
        },
        { what: 'a tunnel with each neighbour', deadlineMs: DEADLINE_MS },
      )
      const outside = await network.join(german[0])
      for (const [node, country] of [
        [one, 'FR'],
        [said, 'FR'],
        [outside, 'DE'],
      ] as const)
        await lab.waitFor(
          async () =>
            (await statusOf(node)).advertised.join() === `${node.machine.addresses.ipv4},1194,tcp,${country}`,
          { what: `${node.name} to say that it is in ${country}`, deadlineMs: DEADLINE_MS },
        )
      await lab.waitFor(
        () => (outside.log().match(/the registry proposes a peer peer=/g)?.length ?? 0) >= 3,
        {
          what: 'three peers to be proposed',
          deadlineMs: DEADLINE_MS,
        },
      )
      expect(outside.log()).not.toMatch(/tunnel up|client up/)
      for (const node of inside)
        expect((await tunnelsOf(node)).map(({ peer }) => peer)).not.toContain(outside.subnetName)
    }))
})

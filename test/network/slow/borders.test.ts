import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { DEADLINE_MS, statusOf, tunnelsOf } from '../../support/networks.ts'

/** MaxMind's: it says that 81.2.69.160/27 is in Great Britain, and 89.160.20.112/28 in Sweden. */
const COUNTRIES = fileURLToPath(new URL('../../vectors/maxmind/GeoIP2-Country-Test.mmdb', import.meta.url))

/** Gives a machine another address of the Internet. */
async function giveAddress(machine: Machine, address: string): Promise<void> {
  await machine.run('ip', 'addr', 'add', `${address}/32`, 'dev', 'eth0')
  await machine.cable?.router.run('ip', 'route', 'add', address, 'via', machine.addresses.ipv4 ?? '')
}

// Nodes are started one after the other: long where other tests run beside.
describe('whom a node makes tunnels with', { timeout: 900_000 }, () => {
  test('is nobody across the border of a country that is to stay among itself; and whoever must be its neighbour', () =>
    withLab({ name: 'borders' }, async (lab) => {
      const ipv4 = { families: ['ipv4'] } as const
      const registryOn = await lab.host('registry', ipv4)
      const british = [await lab.host('b1', ipv4), await lab.host('b2', ipv4)] as const
      const swedish = [await lab.host('s1', ipv4), await lab.host('s2', ipv4)] as const
      const addresses = new Map<Machine, string>()
      for (const [index, machine] of [registryOn, ...british].entries())
        addresses.set(machine, `81.2.69.${160 + index}`)
      for (const [index, machine] of swedish.entries()) addresses.set(machine, `89.160.20.${112 + index}`)
      for (const [machine, address] of addresses) await giveAddress(machine, address)
      const ip = (machine: Machine) => ['--ip', addresses.get(machine) ?? '']
      const network = await Re6stNetwork.create(lab, {
        registryOn,
        registryOptions: ['--same-country', 'GB'],
        registryEnvironment: { GEOIP2_MMDB: COUNTRIES },
      })
      const own = await network.join(registryOn, { nodeOptions: ip(registryOn) })
      const one = await network.join(british[0], { nodeOptions: [...ip(british[0]), '--client-count', '1'] })
      // A country that is said counts more than the address.
      const said = await network.join(swedish[1], {
        nodeOptions: [...ip(swedish[1]), '--client-count', '1', '--country', 'GB'],
      })
      const inside = [own, one, said]
      await network.allPairsPing({ nodes: inside, deadlineMs: DEADLINE_MS })
      const neighbours = [one, said].flatMap(({ subnetName }) => ['--neighbour', subnetName])
      const other = await network.join(british[1], {
        nodeOptions: [...ip(british[1]), '--client-count', '1', ...neighbours],
      })
      inside.push(other)
      await network.allPairsPing({ nodes: inside, deadlineMs: DEADLINE_MS })
      await lab.waitFor(
        async () => {
          const peers = (await tunnelsOf(other)).map(({ peer }) => peer)
          return [one, said].every(({ subnetName }) => peers.includes(subnetName))
        },
        { what: 'a tunnel with each neighbour', deadlineMs: DEADLINE_MS },
      )
      const outside = await network.join(swedish[0], { nodeOptions: ip(swedish[0]) })
      for (const [node, country] of [
        [one, 'GB'],
        [said, 'GB'],
        [outside, 'SE'],
      ] as const)
        await lab.waitFor(
          async () =>
            (await statusOf(node)).advertised.join() === `${addresses.get(node.machine)},1194,tcp,${country}`,
          { what: `${node.name} to say that it is in ${country}`, deadlineMs: DEADLINE_MS },
        )
      let nextMs = 0
      let times = 0
      await lab.waitFor(
        async () => {
          const { cutOff } = await statusOf(outside)
          const askedMs = Date.parse(cutOff?.registryAskedAt ?? '')
          // It is later by seconds each time that it was asked.
          if (askedMs > Date.now() && askedMs > nextMs + 1_000) {
            nextMs = askedMs
            times++
          }
          return times > 3
        },
        { what: 'three peers to be proposed', deadlineMs: 2 * DEADLINE_MS },
      )
      expect(await tunnelsOf(outside)).toEqual([])
      for (const node of inside)
        expect((await tunnelsOf(node)).map(({ peer }) => peer)).not.toContain(outside.subnetName)
    }))
})

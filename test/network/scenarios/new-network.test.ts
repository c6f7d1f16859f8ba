import { expect, test } from 'vitest'
import { renewAuthority } from '../../../lab/authority.ts'
import { withLab } from '../../../lab/lab.ts'
import { missingPairs, pingAllPairs } from '../../../lab/pings.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { networkOfBits, nodeAddress } from '../../../src/core/values/prefix.ts'
import { DEADLINE_MS } from '../../support/networks.ts'

const DAY_MS = 86_400_000
/** 2001:db8:77::/48 */
const OTHER = networkOfBits('001000000000000100001101101110000000000001110111')

test('the CA certificate is renewed with another network prefix: all nodes begin anew in the new network', () =>
  withLab({ name: 'new-network' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn })
    // Due for renewal, as it is in the weeks before it ends.
    await network.stopRegistry()
    await renewAuthority(network.authority, { notAfterMs: Date.now() + 20 * DAY_MS })
    await network.startRegistry()
    const own = await network.join(registryOn)
    const others = [await network.join(await lab.host('n1')), await network.join(await lab.host('n2'))]
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })

    await network.stopRegistry()
    await renewAuthority(network.authority, { notAfterMs: Date.now() + 1_000 * DAY_MS, network: OTHER })
    await network.startRegistry()
    // Its operator starts it anew; the others find out when they are cut off from it.
    await own.stop()
    own.start()
    const moved = ({ machine, prefix }: Re6stNode) => ({ machine, address: nodeAddress(OTHER, prefix) })
    await lab.waitFor(
      async () => {
        const missing = missingPairs(await pingAllPairs([own, ...others].map(moved), 500))
        if (missing.length > 0) throw new Error(`${missing.length} pairs missing: ${missing.join(', ')}`)
        return true
      },
      { what: 'all to ping each other in the new network', deadlineMs: 3 * DEADLINE_MS },
    )
    for (const node of [own, ...others]) {
      const addresses = (await node.machine.run('ip', '-6', 'addr', 'show')).stdout
      expect(addresses).not.toContain(node.address)
    }
  }))

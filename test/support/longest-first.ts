import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take minutes are begun first, the longest at the top: one that was begun last would keep the machine waiting.
 * Only the order depends on it.
 */
const LONGEST = [
  'slow/whole-nodes.test.ts',
  'slow/random-graphs.test.ts',
  'slow/registry-killed.test.ts',
  'slow/firewall.test.ts',
  'slow/firewall-check.test.ts',
  'slow/faults.test.ts',
  'slow/doctor.test.ts',
  'slow/routers.test.ts',
  'slow/bad-registry.test.ts',
  'slow/kinds.test.ts',
  'slow/kernel.test.ts',
  'slow/babeld.test.ts',
  'slow/doctor-filters.test.ts',
  'slow/multicast.test.ts',
  'slow/bad-gateways.test.ts',
  'network/openvpn.test.ts',
  'scenarios/healing.test.ts',
  'slow/operation.test.ts',
  'slow/rotation.test.ts',
  'slow/uplink-away.test.ts',
  'slow/gateway.test.ts',
  'slow/firewall-variants.test.ts',
  'slow/python-closing.test.ts',
  'slow/abuse.test.ts',
  'slow/registry-alone.test.ts',
  'slow/forwarding.test.ts',
  'slow/useless-tunnels.test.ts',
  'slow/uplinks.test.ts',
  'slow/behind-nat.test.ts',
  'slow/live-changes.test.ts',
  'slow/renumbering.test.ts',
  'network/port-mapping.test.ts',
  'network/registry-page.test.ts',
  'slow/borders.test.ts',
  'slow/port-mapping.test.ts',
  'slow/python-rotation.test.ts',
  'scenarios/ipv4-payload.test.ts',
  'network/openvpn-peers.test.ts',
  'slow/underlays.test.ts',
  'network/re6st-router.test.ts',
  'network/registry-world.test.ts',
  'slow/explained-ways.test.ts',
  'network/route-table.test.ts',
  'network/lab.test.ts',
  'conf/recorded.test.ts',
  'port-mapping/bad-gateways.test.ts',
  'registry/postgres.test.ts',
  'registry/start.test.ts',
]

/** Begins with the files that take longest. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rest = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(name))
      return at < 0 ? LONGEST.length : at
    }
    return rest.sort((one, other) => rank(one) - rank(other))
  }
}

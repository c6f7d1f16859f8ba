import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take minutes are begun first, the longest at the top: one that was begun last would keep the machine waiting.
 * Only the order depends on it.
 */
const LONGEST = [
  'slow/firewall.test.ts',
  'slow/firewall-check.test.ts',
  'slow/faults.test.ts',
  'slow/routers.test.ts',
  'slow/doctor.test.ts',
  'network/openvpn.test.ts',
  'network/openvpn-peers.test.ts',
  'slow/doctor-filters.test.ts',
  'slow/babeld.test.ts',
  'slow/bad-registry.test.ts',
  'slow/kinds.test.ts',
  'slow/uplink-away.test.ts',
  'slow/rotation.test.ts',
  'slow/forwarding.test.ts',
  'slow/renumbering.test.ts',
  'slow/operation.test.ts',
  'scenarios/python-closing.test.ts',
  'scenarios/healing.test.ts',
  'slow/abuse.test.ts',
  'slow/registry-alone.test.ts',
  'slow/multicast.test.ts',
  'slow/firewall-variants.test.ts',
  'slow/gateway.test.ts',
  'slow/useless-tunnels.test.ts',
  'network/kernel.test.ts',
  'slow/explained-ways.test.ts',
  'slow/python-rotation.test.ts',
  'network/port-mapping.test.ts',
  'slow/leaving.test.ts',
  'slow/live-changes.test.ts',
  'registry/kill.test.ts',
  'port-mapping/bad-gateways.test.ts',
  'conf/recorded.test.ts',
  'registry/postgres.test.ts',
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

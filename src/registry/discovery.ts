import {
  type Network,
  nodeAddress,
  type Prefix,
  prefixOfBits,
  subnetCidr,
  subnetNameOf,
} from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Holder } from './holders.ts'
import { Refusal } from './refusal.ts'
import { eachInTime, inTime } from './server/in-time.ts'

/**
 * Targets with their labels, as Prometheus reads them of an HTTP service discovery.
 *
 * @public
 */
interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** The nodes of the network, as targets. @throws Refusal for a parameter that is no good, 503 when the database does not answer */
export type Discovery = (parameters: URLSearchParams) => Promise<readonly TargetGroup[]>

/** What machines usually have for Prometheus: prometheus-node-exporter. */
const USUAL_PORT = '9100'

/** What is known of the network. */
export interface DiscoveryComponents {
  readonly network: Network
  /** Some at a time. */
  readonly holders: () => AsyncIterable<readonly Holder[]>
  readonly reachable: { list(): Promise<readonly Prefix[]> }
  /** The prefix of our own node. */
  readonly ownNode: () => string | undefined
  /** Asks the database something short, once for all who wait for the answer. */
  readonly checkReadable: () => Promise<unknown>
  readonly clock: Pick<Clock, 'now' | 'after'>
}

/**
 * All nodes with a valid certificate, each with its address in the network and the port that `port` names. Labels with `__meta_`
 * are for relabelling, and dropped after it.
 */
export const discoveryOf =
  ({ network, holders, reachable, ownNode, checkReadable, clock }: DiscoveryComponents): Discovery =>
  async (parameters) => {
    const port = parameters.get('port') ?? USUAL_PORT
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 0xffff)
      throw new Refusal(400, 'port is not a number from 1 to 65535')
    await inTime(checkReadable(), clock)
    const there = new Set<string>(await reachable.list())
    const now = clock.now()
    const own = ownNode()
    const groups: TargetGroup[] = []
    for await (const some of eachInTime(holders(), clock))
      for (const holder of some) {
        if (holder.notAfterMs <= now) continue
        const prefix = prefixOfBits(holder.prefix)
        const isThere = there.has(prefix) || holder.prefix === own
        groups.push({
          targets: [`[${nodeAddress(network, prefix)}]:${port}`],
          labels: {
            __meta_re6st_node: subnetNameOf(prefix),
            __meta_re6st_subnet: subnetCidr(network, prefix),
            __meta_re6st_email: holder.email ?? '',
            __meta_re6st_reachable: String(isThere),
          },
        })
      }
    return groups
  }

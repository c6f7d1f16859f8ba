import type { WayOutcome } from '../../core/session/way.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import type { MachineRoute, RouteHop } from './schemas/machines.ts'

/** What following packets needs. */
export interface RouteComponents {
  /** The registry's own node, where they begin; undefined: there is none yet. */
  readonly own: Prefix | undefined
  /** Asks a node where it sends packets to another one. */
  readonly askWay: (prefix: Prefix, target: Prefix) => Promise<WayOutcome>
  readonly isMember: (prefix: Prefix) => Promise<boolean>
  /** The fewest tunnels from one machine to another, both included, as the map has them; empty: none are known. */
  readonly byTunnels: (from: string, to: string) => readonly string[]
}

/** More than a packet lives. */
const MAX_HOPS = 64

/**
 * The way of packets from the registry's node to another one, as each node on it has it in its routing table. Behind one that does not
 * know the question, as nodes of the Python implementation, it is guessed from the tunnels.
 */
export async function routeTo(
  target: Prefix,
  { own, askWay, isMember, byTunnels }: RouteComponents,
): Promise<MachineRoute> {
  if (own === undefined) return { hops: [], problem: 'the registry has no node yet' }
  const hops: RouteHop[] = [{ name: subnetNameOf(own), by: 'routing' }]
  let metric: number | undefined
  const answer = (problem?: string): MachineRoute => ({
    hops,
    ...(metric === undefined ? {} : { metric }),
    ...(problem === undefined ? {} : { problem }),
  })
  const seen = new Set<Prefix>()
  for (let at = own; at !== target; ) {
    const name = subnetNameOf(at)
    if (seen.has(at)) return answer(`packets go in a circle: ${name} comes again`)
    if (hops.length > MAX_HOPS) return answer(`it does not end within ${MAX_HOPS} hops`)
    seen.add(at)
    const outcome = await askWay(at, target)
    if (typeof outcome === 'string') {
      if (outcome === 'no answer' && at === own) return answer('the node of the registry does not answer')
      const guessed = byTunnels(name, subnetNameOf(target)).slice(1)
      hops.push(...guessed.map((hop) => ({ name: hop, by: 'tunnels' as const })))
      const why =
        outcome === 'no answer'
          ? 'does not answer'
          : 'does not say where it sends packets: it runs the Python implementation, or an older version'
      return answer(guessed.length > 0 ? `${name} ${why}; from there on it is guessed` : `${name} ${why}`)
    }
    if (at === own) metric = outcome.metric
    if (outcome.metric === undefined) return answer(`${name} has no way there`)
    if (outcome.next === undefined) return answer(`${name} does not know yet who its next hop is`)
    const next = subnetNameOf(outcome.next)
    // Whoever is asked may say what it likes.
    if (!(await isMember(outcome.next))) return answer(`${name} names ${next}, which is no machine`)
    hops.push({
      ...{ name: next, by: 'routing' },
      ...(outcome.rttMs === undefined ? {} : { linkMs: outcome.rttMs }),
    })
    at = outcome.next
  }
  return answer()
}

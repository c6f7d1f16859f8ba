import { withLab } from '../lab/lab.ts'
import { PingMonitor } from '../lab/pings.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { nextHop } from '../test/support/networks.ts'

/** How long no packets flowed, in seconds, each time. */
export interface OutageResult {
  readonly helloSeconds: number
  readonly pathCut: readonly number[]
  readonly nextHopKilled: readonly number[]
}

const NODES = 8
const REPETITIONS = 3
const DEADLINE_MS = 180_000
const PING_MS = 20
/** Long enough that what follows a change of way is over, too. */
const STEADY_MS = 3_000

/** Cuts direct paths, then kills machines on the path, in one network. */
export function measureOutages(helloSeconds: number): Promise<OutageResult> {
  return withLab({ name: 'outage' }, async (lab) => {
    const registryOn = await lab.host('n0')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds })
    const nodes = [await network.join(registryOn)]
    for (let number = 1; number < NODES; number++)
      nodes.push(await network.join(await lab.host(`n${number}`)))
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })

    const outage = async (from: Re6stNode, to: Re6stNode, happen: () => Promise<unknown>) => {
      const pings = new PingMonitor(from.machine, to.address, PING_MS)
      const steady = () => pings.steadyMs > STEADY_MS
      await lab.waitFor(steady, { what: 'steady pings', deadlineMs: DEADLINE_MS })
      pings.reset()
      await happen()
      // The answers that were under way still come: first there must be a gap.
      await lab.waitFor(() => pings.series.longestGapMs > 10 * PING_MS, {
        what: 'an outage',
        deadlineMs: DEADLINE_MS,
      })
      await lab.waitFor(steady, { what: 'packets to flow again', deadlineMs: DEADLINE_MS })
      return (await pings.stop()).longestGapMs / 1000
    }

    const cut = new Set<string>()
    const pathCut: number[] = []
    while (pathCut.length < REPETITIONS) {
      const [from, to] = await lab.waitFor(
        () => pairWith(nodes, (one, other, hop) => hop === other && !cut.has(`${one.name} ${other.name}`)),
        { what: 'a direct path', deadlineMs: DEADLINE_MS },
      )
      pathCut.push(await outage(from, to, () => lab.cut(from.machine, to.machine)))
      await lab.restore(from.machine, to.machine)
      cut.add(`${from.name} ${to.name}`).add(`${to.name} ${from.name}`)
    }

    const alive = [...nodes]
    const nextHopKilled: number[] = []
    while (nextHopKilled.length < REPETITIONS) {
      const [from, to, victim] = await lab.waitFor(
        () => pairWith(alive, (_, other, hop) => hop !== other && hop !== nodes[0]),
        { what: 'a path over another node', deadlineMs: DEADLINE_MS },
      )
      nextHopKilled.push(await outage(from, to, () => victim.machine.powerOff()))
      alive.splice(alive.indexOf(victim), 1)
    }
    return { helloSeconds, pathCut, nextHopKilled }
  })
}

/** Two nodes, not the registry's, and the next hop between them. */
async function pairWith(
  nodes: readonly Re6stNode[],
  isWanted: (from: Re6stNode, to: Re6stNode, hop: Re6stNode) => boolean,
): Promise<readonly [Re6stNode, Re6stNode, Re6stNode] | undefined> {
  for (const from of nodes.slice(1))
    for (const to of nodes.slice(1)) {
      if (from === to) continue
      const hop = await nextHop(from, to, nodes)
      if (hop && isWanted(from, to, hop)) return [from, to, hop]
    }
  return undefined
}

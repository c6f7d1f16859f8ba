import type { Random } from '../../src/core/random.ts'
import type { RoutingOf, SimulatedRouting } from './routing.ts'
import { Simulation } from './simulator.ts'

/** A simulated network, and its routing. */
interface WholeNodes<Routing> {
  readonly network: Simulation
  readonly routing: Routing
}

const MINUTE_MS = 60_000

/**
 * A network of nodes that each have the daemon's own tunnel policy and routing engine. It is hard on them: five tunnels each, ten
 * clients at most, a third behind NATs, all switched on within a minute, and a tunnel replaced every five.
 * @param route makes the routing: with the subnets of all nodes, or of some
 */
export function wholeNodes<Routing extends SimulatedRouting>(
  nodes: number,
  random: Random,
  route: (init: Parameters<RoutingOf>[0]) => Routing,
): WholeNodes<Routing> {
  const made: Routing[] = []
  const network = new Simulation({
    ...{ nodes, natShare: 1 / 3, clientCount: 5, maxClients: 10, random },
    ...{ refreshMs: 5 * MINUTE_MS, startWithinMs: MINUTE_MS },
    routing: (init) => {
      const routing = route(init)
      made.push(routing)
      return routing
    },
  })
  const [routing] = made
  if (routing === undefined) throw new Error('a simulation asks for its routing when it is made')
  return { network, routing }
}

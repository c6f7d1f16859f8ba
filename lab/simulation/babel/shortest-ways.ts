import { keyOf } from '../../../src/core/babel/engine/table.ts'
import { INFINITY } from '../../../src/core/babel/metric.ts'
import { type Router, SERVER } from './router.ts'
import type { RouterNetwork } from './router-network.ts'
import { clientIface, isOpen } from './tunnel.ts'

/** The metrics that routers should have for a destination: of the shortest way to whoever originates it. */
export function metricsOfShortestWays(network: RouterNetwork, key: string): Map<Router, number> {
  const ways = waysTo(network)
  const metrics = new Map<Router, number>()
  for (const router of network.routers) {
    const local = router.engine && router.local.find((route) => keyOf(route) === key)
    if (local) metrics.set(router, local.metric)
  }
  // Bellman and Ford: networks are small, and ways are short.
  for (let front = [...metrics.keys()]; front.length > 0; ) {
    const next = new Set<Router>()
    for (const router of front)
      for (const [neighbour, cost] of ways.get(router) ?? []) {
        const metric = (metrics.get(router) ?? INFINITY) + cost
        if (metric >= Math.min(metrics.get(neighbour) ?? INFINITY, INFINITY)) continue
        metrics.set(neighbour, metric)
        next.add(neighbour)
      }
    front = [...next]
  }
  return metrics
}

/** Who sends to a router, and at which cost: what receiving costs there. */
function waysTo(network: RouterNetwork): Map<Router, [Router, number][]> {
  const ways = new Map<Router, [Router, number][]>(network.routers.map((router) => [router, []]))
  for (const tunnel of network.tunnels) {
    const { client, server } = tunnel
    if (!client.engine || !server.engine || !isOpen(tunnel)) continue
    ways.get(server)?.push([client, network.rxcostOf(server, SERVER)])
    ways.get(client)?.push([server, network.rxcostOf(client, clientIface(tunnel))])
  }
  return ways
}

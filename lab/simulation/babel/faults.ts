import { keyOf } from '../../../src/core/babel/engine/table.ts'
import type { Router } from './router.ts'
import type { RouterNetwork } from './router-network.ts'
import { metricsOfShortestWays } from './shortest-ways.ts'
import { isOpen } from './tunnel.ts'

/** What is wrong in a network in which nothing has happened for a while; one line each. */
export function* faultsAtRest(network: RouterNetwork): Generator<string> {
  const origins = new Map<string, number>()
  for (const { engine, local } of network.routers)
    for (const key of engine ? local.map(keyOf) : []) origins.set(key, (origins.get(key) ?? 0) + 1)
  const selected = new Map(network.routers.map((router) => [router, metricsOf(router)]))
  const reachable = new Map<Router, Set<string>>(network.routers.map((router) => [router, new Set()]))
  for (const key of origins.keys())
    for (const [router, metric] of metricsOfShortestWays(network, key)) {
      reachable.get(router)?.add(key)
      if (router.originates(key)) continue
      const actual = selected.get(router)?.get(key)
      if (actual !== metric) yield `${router.index}: ${key} has metric ${actual}, the shortest way ${metric}`
      if (!router.forwarding.has(key)) yield `${router.index}: ${key} is not forwarded`
    }
  for (const [router, keys] of reachable) yield* leftoversOf(network, router, keys, origins)
}

/** Of the routes that a router has taken. */
function metricsOf({ engine }: Router): ReadonlyMap<string, number> {
  const taken = engine?.routes().filter((route) => route.selected) ?? []
  return new Map(taken.map((route) => [keyOf(route), route.metric]))
}

/** What a router has in its tables of what is not there. */
function* leftoversOf(
  network: RouterNetwork,
  router: Router,
  reachable: ReadonlySet<string>,
  origins: ReadonlyMap<string, number>,
): Generator<string> {
  const { engine, index, forwarding } = router
  if (engine === undefined) return
  for (const key of forwarding.keys()) if (!reachable.has(key)) yield `${index}: ${key} is forwarded`
  const neighbours = [...network.tunnels].filter(
    (tunnel) =>
      (tunnel.client === router || tunnel.server === router) &&
      isOpen(tunnel) &&
      tunnel.client.engine &&
      tunnel.server.engine,
  ).length
  const nowMs = network.nowMs + router.clockOffsetMs
  const known = engine.neighbours(nowMs).length
  if (known !== neighbours) yield `${index}: ${known} neighbours, there are ${neighbours}`
  for (const route of engine.routes()) {
    if (!reachable.has(keyOf(route))) yield `${index}: a candidate for ${keyOf(route)}`
    else if (route.reason === 'retracted') yield `${index}: a retracted candidate for ${keyOf(route)}`
  }
  const { destinations, sources, requests } = engine.sizes
  if (destinations !== reachable.size)
    yield `${index}: ${destinations} destinations, ${reachable.size} can be reached`
  if (requests > 0) yield `${index}: ${requests} requests are open`
  // Of whatever is told to others; several routers may originate one destination.
  const most = [...reachable].reduce((sum, key) => sum + (origins.get(key) ?? 0), 0)
  if (sources > most) yield `${index}: ${sources} sources for ${most} origins`
}

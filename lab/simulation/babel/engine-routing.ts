import type { LinkParameters } from '../../../src/core/babel/engine/ports.ts'
import { INFINITY } from '../../../src/core/babel/metric.ts'

import { pick, type Random } from '../../../src/core/random.ts'
import type { Prefix } from '../../../src/core/values/prefix.ts'
import type { RoutingOf, SimulatedRouting } from '../routing.ts'
import type { SimulatedNode } from '../simulated-node.ts'
import { loopFrom } from './loops.ts'
import type { Router } from './router.ts'
import { RouterNetwork } from './router-network.ts'
import { clientIface, farEnd, type Tunnel } from './tunnel.ts'

/** What a registry has by default. */
const PARAMETERS: LinkParameters = {
  helloIntervalMs: 15_000,
  updateIntervalMs: 60_000,
  rxcost: 96,
  maxRttPenalty: 5_000,
  rttMinMs: 10,
  rttMaxMs: 500,
  rttDecay: 125,
  splitHorizon: false,
}
/** One way, at most. */
const MAX_DELAY_MS = 100
const LATENESS_MS = 5
/** Most nodes can be reached, as a rule. */
const DRAWS = 32

/** Routing by the daemon's own engine: with the tunnel policy, all that decides where packets go. */
export class EngineRouting implements SimulatedRouting {
  readonly network: RouterNetwork
  /** Loops that there were, as the ways of packets. */
  readonly loops: string[] = []
  readonly #init: Parameters<RoutingOf>[0]
  readonly #byKey = new Map<string, SimulatedNode>()
  readonly #byPrefix: ReadonlyMap<Prefix, SimulatedNode>
  readonly #tunnels = new Map<string, Tunnel>()

  /** @param announces whose subnets are announced; without it, those of all */
  constructor(init: Parameters<RoutingOf>[0], announces: (node: SimulatedNode) => boolean = () => true) {
    const { nodes, random, queue, onChange } = init
    this.#init = init
    this.#byPrefix = new Map(nodes.map((node) => [node.prefix, node]))
    const onForward = (router: Router, key: string) => {
      const loop = loopFrom(this.network, router, key)
      if (loop) this.loops.push(loop.map(({ index }) => index).join(' → '))
      const node = nodes[router.index]
      if (node) onChange(node)
    }
    this.network = new RouterNetwork(
      { random, parameters: PARAMETERS, latenessMs: LATENESS_MS, onForward },
      queue,
    )
    for (const node of nodes) {
      const router = this.network.add()
      this.#byKey.set(router.key, node)
      if (!announces(node)) router.setLocal(this.network.nowMs, [])
      this.network.start(router)
    }
  }

  connected(client: SimulatedNode, server: SimulatedNode): void {
    const delayMs = 1 + this.#init.random.next() * MAX_DELAY_MS
    const tunnel = this.network.connect(this.#routerOf(client), this.#routerOf(server), delayMs)
    this.#tunnels.set(`${client.index} ${server.index}`, tunnel)
  }

  disconnected(client: SimulatedNode, server: SimulatedNode): void {
    const name = `${client.index} ${server.index}`
    const tunnel = this.#tunnels.get(name)
    this.#tunnels.delete(name)
    if (tunnel) this.network.disconnect(tunnel)
  }

  died(node: SimulatedNode): void {
    this.network.kill(this.#routerOf(node))
  }

  isReachable(from: SimulatedNode, to: SimulatedNode): boolean {
    return this.#routerOf(from).forwarding.has(this.#routerOf(to).key)
  }

  reachableCount(from: SimulatedNode): number {
    return this.#routerOf(from).forwarding.size
  }

  sample(from: SimulatedNode, random: Random): SimulatedNode | undefined {
    const { forwarding } = this.#routerOf(from)
    for (let draw = 0; draw < DRAWS; draw++) {
      const node = pick(random, this.#init.nodes)
      if (node && forwarding.has(this.#routerOf(node).key)) return node
    }
    return this.#byKey.get(pick(random, [...forwarding.keys()]) ?? '')
  }

  nodesOver(from: SimulatedNode, peer: SimulatedNode): number {
    const tunnel = this.#tunnels.get(`${from.index} ${peer.index}`)
    return tunnel ? this.#routerOf(from).countOver(clientIface(tunnel)) : 0
  }

  neighbourChanges(from: SimulatedNode): number {
    return this.#routerOf(from).costChanges
  }

  isUsable(from: SimulatedNode, prefix: Prefix): boolean {
    const peer = this.#byPrefix.get(prefix)
    return [`${from.index} ${peer?.index}`, `${peer?.index} ${from.index}`].some((name) => {
      const tunnel = this.#tunnels.get(name)
      if (tunnel === undefined) return false
      const [near, far] = [farEnd(tunnel, this.#far(tunnel, from)), farEnd(tunnel, this.#routerOf(from))]
      const cost = near.router.costs.get(`${near.iface} ${far.router.addressOn(far.iface)}`)
      return cost !== undefined && cost < INFINITY
    })
  }

  #far(tunnel: Tunnel, from: SimulatedNode): Router {
    return farEnd(tunnel, this.#routerOf(from)).router
  }

  #routerOf(node: SimulatedNode): Router {
    const router = this.network.routers[node.index]
    if (router === undefined) throw new RangeError(`there is no router ${node.index}`)
    return router
  }
}

import type { Random } from '../../src/core/random.ts'
import { ANYONE, type TunnelDecision, type TunnelTarget } from '../../src/core/tunnels/decisions.ts'
import type { TunnelSettings } from '../../src/core/tunnels/settings.ts'
import { bitsOfNumber } from '../../src/core/values/bits.ts'
import { prefixOfBits } from '../../src/core/values/prefix.ts'
import { EventQueue } from './event-queue.ts'
import { Links } from './links.ts'
import { partsOf } from './parts.ts'
import { partsRouting } from './parts-routing.ts'
import type { RoutingOf, SimulatedRouting } from './routing.ts'
import { SeenNetwork } from './seen-network.ts'
import { nodeOf, SimulatedNode } from './simulated-node.ts'

/** What a simulated network is made with. */
export interface SimulationOptions {
  readonly nodes: number
  /** Share of the nodes that cannot be reached from outside: 0 to 1. */
  readonly natShare: number
  /** How many nodes, the last ones, run with `--max-clients 0`; they are switched on after the others. */
  readonly takers?: number
  readonly clientCount: number
  readonly maxClients: number
  readonly refreshMs: number
  /** In what time all nodes are switched on. */
  readonly startWithinMs: number
  readonly random: Random
  /** What stands for routing; without it, every node reaches whoever is in its part of the network. */
  readonly routing?: RoutingOf
}

/** A dead node is noticed by those with a tunnel to it after this: OpenVPN's ping-exit at hello 15. */
const DEATH_NOTICED_MS = 60_000
const HELLO_MS = 15_000
const CONNECT_MS = 300
const REFUSED_MS = 10_000
const ANSWER_MS = 200
const REGISTRY_MS = 300
const CLOSE_MS = 50
/** Several things happen at once: the daemon decides a moment after the first. */
const DECISION_DELAY_MS = 20

/** A whole network in one process: the daemon's tunnel policy for each node, a virtual clock, and what stands for routing. */
export class Simulation {
  readonly nodes: readonly SimulatedNode[]
  readonly #links: Links
  readonly #options: SimulationOptions
  readonly #queue = new EventQueue()
  readonly #routing: SimulatedRouting
  readonly #seen: readonly SeenNetwork[]

  constructor(options: SimulationOptions) {
    this.#options = options
    const { random, nodes, takers = 0 } = options
    const bits = Math.ceil(Math.log2(nodes + 1))
    const prefixOf = (index: number) => prefixOfBits(bitsOfNumber(BigInt(index), bits))
    const settings: TunnelSettings = {
      clientCount: options.clientCount,
      refreshMs: options.refreshMs,
      neighbours: new Set(),
      disabledProtocols: new Set(),
      allowsIpv6: true,
      helloIntervalMs: HELLO_MS,
      registryPrefix: prefixOf(0),
      sameCountry: [],
      ownCountry: undefined,
      countryOf: ({ country }) => country,
      isBeingLocated: () => false,
      isInside: () => false,
    }
    const isTaker = (index: number) => index >= nodes - takers
    this.nodes = Array.from({ length: nodes }, (_, index) => {
      const isReachable = !isTaker(index) && (index === 0 || random.next() >= options.natShare)
      const node: SimulatedNode = new SimulatedNode(
        index,
        prefixOf(index),
        isReachable,
        settings,
        random,
        () => this.#look(node),
      )
      return node
    })
    this.#links = new Links(nodes)
    this.#routing = (options.routing ?? partsRouting)({
      nodes: this.nodes,
      links: this.#links,
      random,
      queue: this.#queue,
      onChange: (node) => this.#soon(node),
    })
    this.#seen = this.nodes.map((node) => new SeenNetwork(node, this.nodes, this.#routing))
    for (const node of this.nodes) {
      const startMs = (random.next() + (isTaker(node.index) ? 1 : 0)) * options.startWithinMs
      this.#wake(node, node.index === 0 ? 0 : startMs)
    }
  }

  /** Virtual time. */
  get nowMs(): number {
    return this.#queue.nowMs
  }

  run(untilMs: number): void {
    this.#queue.run(untilMs)
  }

  get alive(): SimulatedNode[] {
    return this.nodes.filter(({ isAlive }) => isAlive)
  }

  /**
   * Sizes of the parts in which all can reach each other, as they are now, the largest first.
   * @param without nodes that are left out beside those that are dead
   */
  partSizes(without: ReadonlySet<SimulatedNode> = new Set()): number[] {
    const isLeft = (node?: SimulatedNode) => node?.isAlive === true && !without.has(node)
    return partsOf(this.#links, (index) => isLeft(this.nodes[index])).sizes()
  }

  /** Nodes lose their power. Whoever has a tunnel with them notices later. */
  kill(victims: readonly SimulatedNode[]): void {
    for (const victim of victims) {
      victim.isAlive = false
      for (const peer of victim.neighbours)
        this.#queue.after(DEATH_NOTICED_MS * (0.5 + this.#options.random.next() / 2), () => {
          this.#endTunnel(victim, peer)
          this.#endTunnel(peer, victim)
        })
      this.#routing.died(victim)
    }
  }

  #decide(node: SimulatedNode): void {
    const seen = this.#seen[node.index]
    if (!node.isAlive || seen === undefined) return
    node.wakeMs = Number.POSITIVE_INFINITY
    for (const decision of node.policy.decide(seen, this.nowMs)) this.#execute(node, decision)
    this.#wake(node, Math.max(this.nowMs + DECISION_DELAY_MS, node.policy.nextWakeMs))
  }

  #wake(node: SimulatedNode, atMs: number): void {
    node.wakeMs = Math.min(node.wakeMs, atMs)
    // What is due later is looked at again when something else was due before: the queue stays short.
    if (node.wakeMs >= node.lookMs || node.wakeMs === Number.POSITIVE_INFINITY) return
    node.lookMs = Math.max(node.wakeMs, this.nowMs)
    this.#queue.at(node.lookMs, node.look)
  }

  #look(node: SimulatedNode): void {
    // Another look was made an earlier one.
    if (node.lookMs !== this.nowMs) return
    node.lookMs = Number.POSITIVE_INFINITY
    if (this.nowMs >= node.wakeMs) this.#decide(node)
    else this.#wake(node, node.wakeMs)
  }

  #soon(node: SimulatedNode): void {
    this.#wake(node, this.nowMs + DECISION_DELAY_MS)
  }

  #execute(node: SimulatedNode, decision: TunnelDecision): void {
    switch (decision.kind) {
      case 'connect':
        return this.#connect(node, this.#peer(decision.target))
      case 'close':
      case 'close-now':
      case 'give-up': {
        const peer = this.#peer(decision.target)
        return this.#queue.after(CLOSE_MS, () => {
          if (node.connecting.delete(peer)) node.policy.tunnelDown(peer.prefix, false)
          else this.#endTunnel(node, peer)
        })
      }
      case 'drop-client': {
        const peer = this.#peer(decision.prefix)
        return this.#queue.after(CLOSE_MS, () => this.#endTunnel(peer, node))
      }
      case 'ask-addresses':
        return this.#askAddresses(node, this.#peer(decision.prefix))
      case 'ask-registry':
        return this.#askRegistry(node)
    }
  }

  #peer(target: TunnelTarget): SimulatedNode {
    const peer = target === ANYONE ? undefined : nodeOf(this.nodes, target)
    if (peer === undefined) throw new Error(`no simulated node makes a tunnel to ${target}`)
    return peer
  }

  #connect(node: SimulatedNode, peer: SimulatedNode): void {
    node.connecting.add(peer)
    const works = peer.isAlive && peer.isReachable
    this.#queue.after(works ? CONNECT_MS : REFUSED_MS, () => {
      if (!node.isAlive || !node.connecting.delete(peer)) return
      if (peer.isAlive && peer.isReachable && peer.clients.size < this.#options.maxClients)
        this.#beginTunnel(node, peer)
      else node.policy.tunnelDown(peer.prefix, this.#routing.isReachable(node, peer))
      this.#soon(node)
    })
  }

  #askAddresses(node: SimulatedNode, peer: SimulatedNode): void {
    if (!peer.isAlive || !this.#routing.isReachable(node, peer)) return
    this.#queue.after(ANSWER_MS, () => {
      if (!node.isAlive) return
      node.known.add(peer.prefix)
      node.policy.addressesLearnt(peer.prefix, peer.addresses)
      this.#soon(node)
    })
  }

  /** The registry knows who is in the part of the network that its own node is in. */
  #askRegistry(node: SimulatedNode): void {
    this.#queue.after(REGISTRY_MS, () => {
      const [registry] = this.nodes
      const { random } = this.#options
      const isItself = (of: SimulatedNode) => random.next() * (this.#routing.reachableCount(of) + 1) < 1
      const known =
        registry?.isAlive && !isItself(registry) ? this.#routing.sample(registry, random) : registry
      const peer = known?.isAlive === true && known !== node ? known : undefined
      node.policy.registryAnswered(peer, this.nowMs)
      this.#soon(node)
    })
  }

  #beginTunnel(node: SimulatedNode, peer: SimulatedNode): void {
    node.tunnels.add(peer)
    peer.clients.add(node)
    this.#links.add(node.index, peer.index)
    node.known.add(peer.prefix)
    node.policy.tunnelUp(peer.prefix)
    peer.policy.clientUp(node.prefix)
    this.#routing.connected(node, peer)
    this.#soon(peer)
  }

  /** Ends the tunnel that a node has made to a peer, if there is one. */
  #endTunnel(node: SimulatedNode, peer: SimulatedNode): void {
    if (!node.tunnels.delete(peer)) return
    peer.clients.delete(node)
    this.#links.remove(node.index, peer.index)
    node.policy.tunnelDown(peer.prefix, false)
    peer.policy.clientDown(node.prefix)
    this.#routing.disconnected(node, peer)
    this.#soon(node)
    this.#soon(peer)
  }
}

import type { Random } from '../../src/core/random.ts'
import {
  ANYONE,
  type NetworkView,
  type TunnelDecision,
  type TunnelTarget,
} from '../../src/core/tunnels/decisions.ts'
import { TunnelPolicy } from '../../src/core/tunnels/policy.ts'
import type { TunnelSettings } from '../../src/core/tunnels/settings.ts'
import type { PeerAddress } from '../../src/core/values/address-list.ts'
import { bitsOfNumber } from '../../src/core/values/bits.ts'
import { type Prefix, prefixOfBits } from '../../src/core/values/prefix.ts'
import { EventQueue } from './event-queue.ts'

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
}

/** A dead node is noticed by those with a tunnel to it after this: OpenVPN's ping-exit at hello 15. */
const DEATH_NOTICED_MS = 60_000
const HELLO_MS = 15_000
const CONNECT_MS = 300
const REFUSED_MS = 10_000
const ANSWER_MS = 200
const REGISTRY_MS = 300
/** How long routes take to spread through the network after a change. */
const ROUTES_SPREAD_MS = 5_000

/** A node: its policy is the one of the daemon; everything else is pretended. */
class SimulatedNode {
  readonly prefix: Prefix
  readonly index: number
  readonly isReachable: boolean
  readonly policy: TunnelPolicy
  isAlive = true
  /** Peers that this node has made a tunnel to. */
  readonly tunnels = new Set<SimulatedNode>()
  readonly clients = new Set<SimulatedNode>()
  /** Peers that it is trying to reach. */
  readonly connecting = new Set<Prefix>()
  readonly addresses = new Map<Prefix, readonly PeerAddress[]>()
  wakeMs = Number.POSITIVE_INFINITY

  constructor(index: number, bits: number, isReachable: boolean, settings: TunnelSettings, random: Random) {
    this.index = index
    this.prefix = prefixOfBits(bitsOfNumber(BigInt(index), bits))
    this.isReachable = isReachable
    this.policy = new TunnelPolicy(this.prefix, settings, random, 0)
  }

  get neighbours(): SimulatedNode[] {
    return [...this.tunnels, ...this.clients]
  }
}

/**
 * A whole network in one process: the daemon's tunnel policy for each node, a virtual clock, and in place of routing
 * the parts in which nodes can reach each other, known to all of them a few seconds after each change.
 */
export class Simulation {
  readonly nodes: readonly SimulatedNode[]
  readonly #options: SimulationOptions
  readonly #queue = new EventQueue()
  readonly #byPrefix: ReadonlyMap<Prefix, SimulatedNode>
  /** The part of the network that each node is in, as routing knows it. */
  #parts: readonly (readonly SimulatedNode[])[] = []
  #partOf = new Map<SimulatedNode, readonly SimulatedNode[]>()
  #isRoutingDue = false

  constructor(options: SimulationOptions) {
    this.#options = options
    const bits = Math.ceil(Math.log2(options.nodes + 1))
    const registryPrefix = prefixOfBits(bitsOfNumber(0n, bits))
    const settings: TunnelSettings = {
      clientCount: options.clientCount,
      refreshMs: options.refreshMs,
      neighbours: new Set(),
      disabledProtocols: new Set(),
      allowsIpv6: true,
      helloIntervalMs: HELLO_MS,
      registryPrefix,
      sameCountry: [],
      ownCountry: undefined,
      countryOf: ({ country }) => country,
      isBeingLocated: () => false,
      isInside: () => false,
    }
    this.nodes = Array.from({ length: options.nodes }, (_, index) => {
      const isTaker = index >= options.nodes - (options.takers ?? 0)
      const isReachable = !isTaker && (index === 0 || options.random.next() >= options.natShare)
      return new SimulatedNode(index, bits, isReachable, settings, options.random)
    })
    this.#byPrefix = new Map(this.nodes.map((node) => [node.prefix, node]))
    for (const node of this.nodes) {
      const isTaker = node.index >= options.nodes - (options.takers ?? 0)
      const startMs = (options.random.next() + (isTaker ? 1 : 0)) * options.startWithinMs
      this.#queue.at(node.index === 0 ? 0 : startMs, () => this.#decide(node))
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

  /** Sizes of the parts in which all can reach each other, as they are now, the largest first. */
  partSizes(): number[] {
    return this.#computeParts()
      .map((part) => part.length)
      .sort((one, other) => other - one)
  }

  /** The longest of the shortest ways from a node to all others, in tunnels. */
  eccentricity(start: SimulatedNode): number {
    let level = [start]
    const seen = new Set(level)
    for (let distance = 0; ; distance++) {
      const next = new Set(
        level.flatMap((node) => node.neighbours).filter((node) => node.isAlive && !seen.has(node)),
      )
      if (next.size === 0) return distance
      for (const node of next) seen.add(node)
      level = [...next]
    }
  }

  /** Nodes lose their power. Whoever has a tunnel with them notices later. */
  kill(victims: readonly SimulatedNode[]): void {
    for (const victim of victims) {
      victim.isAlive = false
      for (const peer of victim.neighbours)
        this.#queue.after(DEATH_NOTICED_MS * (0.5 + this.#options.random.next() / 2), () =>
          this.#disconnect(victim, peer),
        )
    }
    this.#routingChanged()
  }

  #decide(node: SimulatedNode): void {
    if (!node.isAlive) return
    node.wakeMs = Number.POSITIVE_INFINITY
    for (const decision of node.policy.decide(this.#viewOf(node), this.nowMs)) this.#execute(node, decision)
    this.#wake(node, Math.max(this.nowMs + 20, node.policy.nextWakeMs))
  }

  #wake(node: SimulatedNode, atMs: number): void {
    if (!Number.isFinite(atMs) || atMs >= node.wakeMs) return
    node.wakeMs = atMs
    this.#queue.at(atMs, () => {
      if (node.wakeMs === atMs) this.#decide(node)
    })
  }

  #soon(node: SimulatedNode): void {
    this.#wake(node, this.nowMs + 20)
  }

  #execute(node: SimulatedNode, decision: TunnelDecision): void {
    const { random } = this.#options
    switch (decision.kind) {
      case 'connect': {
        const prefix = nodeOf(decision.target)
        const peer = this.#byPrefix.get(prefix)
        node.connecting.add(prefix)
        const works = peer?.isAlive === true && peer.isReachable
        this.#queue.after(works ? CONNECT_MS : REFUSED_MS, () => this.#connected(node, prefix, peer))
        return
      }
      case 'close':
      case 'close-now':
      case 'give-up': {
        const prefix = nodeOf(decision.target)
        const peer = this.#byPrefix.get(prefix)
        this.#queue.after(50, () => {
          if (node.connecting.delete(prefix)) node.policy.tunnelDown(prefix, false)
          else if (peer) this.#endTunnel(node, peer)
        })
        return
      }
      case 'drop-client': {
        const peer = this.#byPrefix.get(decision.prefix)
        this.#queue.after(50, () => peer && this.#endTunnel(peer, node))
        return
      }
      case 'ask-addresses': {
        const peer = this.#byPrefix.get(decision.prefix)
        if (!peer?.isAlive || !this.#partOf.get(node)?.includes(peer)) return
        this.#queue.after(ANSWER_MS, () => {
          const addresses = addressesOf(peer)
          if (!node.isAlive || addresses.length === 0) return
          node.addresses.set(peer.prefix, addresses)
          node.policy.addressesLearnt(peer.prefix, addresses)
          this.#soon(node)
        })
        return
      }
      case 'ask-registry':
        this.#queue.after(REGISTRY_MS, () => {
          const [registry] = this.nodes
          const known = registry?.isAlive ? [registry, ...(this.#partOf.get(registry) ?? [])] : []
          const peer = known[Math.floor(random.next() * known.length)]
          const isUseful = peer?.isAlive === true && peer !== node
          node.policy.registryAnswered(
            isUseful ? { prefix: peer.prefix, addresses: addressesOf(peer) } : undefined,
            this.nowMs,
          )
          this.#soon(node)
        })
    }
  }

  #connected(node: SimulatedNode, prefix: Prefix, peer: SimulatedNode | undefined): void {
    if (!node.isAlive || !node.connecting.delete(prefix)) return
    const isAccepted =
      peer?.isAlive === true && peer.isReachable && peer.clients.size < this.#options.maxClients
    if (!peer || !isAccepted) {
      node.policy.tunnelDown(prefix, this.#viewOf(node).isReachable(prefix))
      return this.#soon(node)
    }
    node.tunnels.add(peer)
    peer.clients.add(node)
    node.addresses.set(prefix, addressesOf(peer))
    node.policy.tunnelUp(prefix)
    peer.policy.clientUp(node.prefix)
    this.#routingChanged()
    this.#soon(node)
    this.#soon(peer)
  }

  #disconnect(one: SimulatedNode, other: SimulatedNode): void {
    this.#endTunnel(one, other)
    this.#endTunnel(other, one)
  }

  /** Ends the tunnel that a node has made to a peer, if there is one. */
  #endTunnel(node: SimulatedNode, peer: SimulatedNode): void {
    if (!node.tunnels.delete(peer)) return
    peer.clients.delete(node)
    node.policy.tunnelDown(peer.prefix, false)
    peer.policy.clientDown(node.prefix)
    this.#routingChanged()
    this.#soon(node)
    this.#soon(peer)
  }

  #routingChanged(): void {
    if (this.#isRoutingDue) return
    this.#isRoutingDue = true
    this.#queue.after(ROUTES_SPREAD_MS, () => {
      this.#isRoutingDue = false
      this.#parts = this.#computeParts()
      this.#partOf = new Map(this.#parts.flatMap((part) => part.map((node) => [node, part] as const)))
      for (const node of this.alive) this.#wake(node, this.nowMs + this.#options.random.next() * 1000)
    })
  }

  #computeParts(): SimulatedNode[][] {
    const seen = new Set<SimulatedNode>()
    return this.alive.flatMap((start) => {
      if (seen.has(start)) return []
      seen.add(start)
      const part = [start]
      for (const node of part)
        for (const peer of node.neighbours)
          if (peer.isAlive && !seen.has(peer)) {
            seen.add(peer)
            part.push(peer)
          }
      return [part]
    })
  }

  #viewOf(node: SimulatedNode): NetworkView {
    const part = this.#partOf.get(node) ?? []
    const nodeOf = (prefix: Prefix) => this.#byPrefix.get(prefix)
    return {
      isReachable: (prefix) => {
        const peer = nodeOf(prefix)
        return peer !== undefined && peer !== node && this.#partOf.get(peer) === part && part.length > 0
      },
      reachesAnybody: part.length > 1,
      isRouting: true,
      // Of a dead node, routing notices it as late as the tunnel does.
      isTunnelUsable: () => true,
      isClientUsable: () => true,
      isNeighbour: (prefix) => {
        const peer = nodeOf(prefix)
        return peer !== undefined && (node.tunnels.has(peer) || node.clients.has(peer))
      },
      sampleReachable: (random) => {
        const peer = part[Math.floor(random.next() * part.length)]
        return peer === node ? undefined : peer?.prefix
      },
      // The real number depends on the routes; that some tunnel is the least useful is all that counts here.
      nodesOver: (prefix) => (nodeOf(prefix)?.index ?? 0) % 17,
      addressesOf: (prefix) => node.addresses.get(prefix) ?? [],
      cachedPeers: () => [...node.addresses.keys()],
    }
  }
}

/** Every simulated node chooses whom it connects to. */
function nodeOf(target: TunnelTarget): Prefix {
  if (target === ANYONE) throw new Error('no simulated node runs with --client')
  return target
}

/** A node behind a NAT knows no address at which it could be reached from outside, or one at which it cannot. */
const addressesOf = ({ index }: SimulatedNode): PeerAddress[] => [
  { host: `2001:db8::${index.toString(16)}`, port: 1194, protocol: 'tcp', country: undefined },
]

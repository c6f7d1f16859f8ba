import { BabelEngine } from '../../src/core/babel/engine/engine.ts'
import type {
  EngineOutput,
  ForwardingRoute,
  LinkKind,
  LinkParameters,
  NeighbourCause,
  NeighbourView,
  RouteCause,
  RouteView,
} from '../../src/core/babel/engine/ports.ts'
import { microsecondsOf } from '../../src/core/babel/engine/rtt.ts'
import type { Departures } from '../../src/core/babel/engine/world.ts'
import type { OutgoingTlv, Tlv } from '../../src/core/babel/wire/tlv.ts'
import type { Random } from '../../src/core/random.ts'
import { seededRandom } from './random.ts'

/** Parameters of a tunnel in a network with the usual `babel_default`. */
export const TUNNEL: LinkParameters = {
  helloIntervalMs: 15_000,
  updateIntervalMs: 60_000,
  rxcost: 96,
  maxRttPenalty: 5_000,
  rttMinMs: 10,
  rttMaxMs: 500,
  rttDecay: 125,
  splitHorizon: false,
}

/** What happened to a neighbour. */
export interface NeighbourEvent {
  readonly atMs: number
  readonly change: 'added' | 'changed' | 'flushed'
  readonly neighbour: NeighbourView
  readonly cause: NeighbourCause | undefined
}

/** A router of a test, with what came out of it. */
export class TestNode {
  readonly name: string
  readonly engine: BabelEngine
  /** Its forwarding table, by prefix and source. */
  readonly forwarding = new Map<string, ForwardingRoute>()
  /** Of which packets go nowhere. */
  readonly unreachable = new Set<string>()
  readonly neighbourEvents: NeighbourEvent[] = []
  readonly sent: {
    readonly atMs: number
    readonly iface: string
    readonly to: string | undefined
    readonly tlv: OutgoingTlv
  }[] = []
  /** How many packets have come over an interface, by its name, as the kernel counts them. */
  readonly arrivals = new Map<string, number>()
  /** What became of its packets in the queue of an interface, as the kernel counts them. */
  readonly departures = new Map<string, Departures>()
  /** How many packets of others have left over a LAN, by its name, as the kernel counts them. */
  readonly sentByOthers = new Map<string, number>()
  /** How long the answers of the neighbour on an interface take, as the kernel knows it. */
  readonly usualAnswers = new Map<string, number>()
  forwardingChanges = 0
  routeEvents: { readonly route: RouteView; readonly cause: RouteCause }[] = []

  constructor(network: EngineNetwork, name: string, number: number, seqno: number) {
    this.name = name
    const output: EngineOutput = {
      send: (iface, to, tlvs) => {
        for (const tlv of tlvs) this.sent.push({ atMs: network.nowMs, iface, to, tlv })
        network.carry(this, iface, to, tlvs)
      },
      forward: ({ prefix, from }, route) => {
        this.forwardingChanges++
        const key = `${prefix} ${from}`
        this.forwarding.delete(key)
        this.unreachable.delete(key)
        if (route === 'unreachable') this.unreachable.add(key)
        else if (route) this.forwarding.set(key, route)
      },
      neighbour: (change, neighbour, cause) =>
        this.neighbourEvents.push({ atMs: network.nowMs, change, neighbour, cause }),
      route: (_, route, cause) => this.routeEvents.push({ route, cause }),
    }
    this.engine = new BabelEngine({
      routerId: `02:00:00:00:00:00:00:${number.toString(16).padStart(2, '0')}`,
      seqno,
      random: seededRandom(number),
      output,
      arrivals: (iface) => this.arrivals.get(iface),
      departures: (iface) => this.departures.get(iface),
      sentByOthers: (iface) => this.sentByOthers.get(iface),
      usualAnswerMs: (iface) => this.usualAnswers.get(iface),
    })
  }

  /** The next hop to a prefix, as the name of the interface, which is that of the node behind it. */
  wayTo(node: TestNode): string | undefined {
    return this.forwarding.get(`${prefixOf(node)} ::/0`)?.iface
  }

  /** Why the ways to a node came, changed and went. */
  causesOf(node: TestNode): readonly RouteCause[] {
    return this.routeEvents.filter(({ route }) => route.prefix === prefixOf(node)).map(({ cause }) => cause)
  }

  metricTo(node: TestNode): number | undefined {
    return this.engine.routes(prefixOf(node)).find(({ selected }) => selected)?.metric
  }
}

interface Link {
  ends: readonly [TestNode, TestNode]
  delayMs: number
  /** By how much more, at most, a packet is on its way than that. */
  jitterMs: number
  /** Whether packets from the first, and from the second end arrive. */
  open: [boolean, boolean]
  /** What the first, and the second end says that receiving costs. */
  costs: readonly [number, number]
}

/** The prefix that a node originates. */
export const prefixOf = ({ name }: TestNode): string => `2001:db8:${name}::/48`

/** Engines that hear each other, on a clock that stands still unless told. Interfaces have the name of the other end. */
export class EngineNetwork {
  nowMs = 1_000
  readonly nodes: TestNode[] = []
  readonly links: Link[] = []
  /** How many of the packets are lost, or overtaken by others. */
  loss = 0
  /** Whether a packet of a node gets out of its machine. */
  carries: (from: TestNode, iface: string) => boolean = () => true
  /** Whether a router reads a packet so late that the time says nothing of its way. */
  isLate: (receiver: TestNode) => boolean = () => false
  /** When a packet arrives that a node sends now and that would arrive then: later, over TCP. */
  arrivesAt: (from: TestNode, iface: string, atMs: number) => number = (_, __, atMs) => atMs
  readonly #random: Random
  #packets: { readonly atMs: number; readonly deliver: () => void }[] = []

  constructor(random: Random = seededRandom(1)) {
    this.#random = random
  }

  /** A node with a prefix of its own. Its name is hexadecimal. */
  node(name: string, seqno = 100): TestNode {
    const node = new TestNode(this, name, this.nodes.length + 1, seqno)
    this.nodes.push(node)
    node.engine.setLocalRoutes(this.nowMs, [{ prefix: prefixOf(node), from: '::/0', metric: 0 }])
    return node
  }

  /** Another router in the place of one that ended without a word. */
  restart(node: TestNode, seqno: number): TestNode {
    const at = this.nodes.indexOf(node)
    const again = new TestNode(this, node.name, at + 1, seqno)
    this.nodes[at] = again
    again.engine.setLocalRoutes(this.nowMs, [{ prefix: prefixOf(again), from: '::/0', metric: 0 }])
    for (const link of this.links.filter(({ ends }) => ends.includes(node))) {
      const other = link.ends[0] === node ? link.ends[1] : link.ends[0]
      link.ends = link.ends[0] === node ? [again, other] : [other, again]
      again.engine.setParameters(this.nowMs, other.name, TUNNEL)
      again.engine.interfaceUp(this.nowMs, {
        name: other.name,
        kind: 'tunnel',
        address: `fe80::${node.name}`,
      })
    }
    return again
  }

  /** A tunnel between two. */
  link(
    a: TestNode,
    b: TestNode,
    delayMs = 1,
    parameters: LinkParameters = TUNNEL,
    kind: LinkKind = 'tunnel',
    costs: readonly [number, number] = [parameters.rxcost, parameters.rxcost],
  ): Link {
    const link: Link = { ends: [a, b], delayMs, jitterMs: 0, open: [true, true], costs }
    this.links.push(link)
    for (const [one, other, rxcost] of [
      [a, b, costs[0]],
      [b, a, costs[1]],
    ] as const) {
      one.engine.setParameters(this.nowMs, other.name, { ...parameters, rxcost })
      one.engine.interfaceUp(this.nowMs, { name: other.name, kind, address: `fe80::${one.name}` })
    }
    return link
  }

  carry(from: TestNode, iface: string, to: string | undefined, tlvs: readonly OutgoingTlv[]): void {
    const link = this.links.find(
      ({ ends: [a, b] }) => (a === from && b.name === iface) || (b === from && a.name === iface),
    )
    if (link === undefined) return this.#answerFor(from, iface, to, tlvs)
    if (!this.carries(from, iface)) return
    const side = link.ends[0] === from ? 0 : 1
    const receiver = link.ends[1 - side] as TestNode
    if (!link.open[side] || (to !== undefined && to !== `fe80::${receiver.name}`)) return
    if (this.#random.next() < this.loss) return
    const overtakenMs = this.#random.next() < this.loss ? this.#random.next() * 100 : 0
    const stamped: Tlv[] = tlvs.map((tlv) => {
      if (tlv.kind === 'update') return { ...tlv, nextHop: tlv.nextHop ?? `fe80::${from.name}` }
      if (tlv.kind !== 'hello') return tlv
      const { stamped, ...hello } = tlv
      return stamped ? { ...hello, sentUs: microsecondsOf(this.nowMs) } : hello
    })
    const lateMs = link.jitterMs > 0 ? this.#random.next() * link.jitterMs : 0
    const atMs = this.arrivesAt(from, iface, this.nowMs + link.delayMs + overtakenMs + lateMs)
    const deliver = () =>
      receiver.engine.receive(this.nowMs, {
        iface: from.name,
        source: `fe80::${from.name}`,
        multicast: to === undefined,
        tlvs: stamped,
        receivedMs: this.nowMs,
        isLate: this.isLate(receiver),
      })
    this.#packets.push({ atMs, deliver })
  }

  /** A neighbour that a test speaks for acknowledges what it is asked for, as any router does. */
  #answerFor(from: TestNode, iface: string, to: string | undefined, tlvs: readonly OutgoingTlv[]): void {
    if (to === undefined) return
    for (const tlv of tlvs) {
      if (tlv.kind !== 'acknowledgment-request') continue
      const deliver = () =>
        from.engine.receive(this.nowMs, {
          ...{ iface, source: to, multicast: false, receivedMs: this.nowMs, isLate: false },
          tlvs: [{ kind: 'acknowledgment', opaque: tlv.opaque }],
        })
      this.#packets.push({ atMs: this.nowMs + 1, deliver })
    }
  }

  /** Lets time pass. */
  run(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const packetMs = Math.min(...this.#packets.map(({ atMs }) => atMs))
      const tickMs = Math.min(...this.nodes.map(({ engine }) => engine.nextDeadlineMs))
      const nextMs = Math.min(packetMs, tickMs)
      if (nextMs > endMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      const due = this.#packets.filter(({ atMs }) => atMs <= this.nowMs)
      this.#packets = this.#packets.filter(({ atMs }) => atMs > this.nowMs)
      for (const { deliver } of due) deliver()
      for (const { engine } of this.nodes) if (engine.nextDeadlineMs <= this.nowMs) engine.tick(this.nowMs)
    }
    this.nowMs = endMs
  }

  /** Lets time pass until something holds. @returns how long that took */
  runUntil(holds: () => boolean, limitMs: number): number {
    const beginMs = this.nowMs
    while (!holds()) {
      if (this.nowMs - beginMs > limitMs) throw new Error(`not within ${limitMs} ms`)
      this.run(1)
    }
    return this.nowMs - beginMs
  }
}

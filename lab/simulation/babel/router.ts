import { BabelEngine } from '../../../src/core/babel/engine/engine.ts'
import type { EngineOutput, ForwardingRoute, LocalRoute } from '../../../src/core/babel/engine/ports.ts'
import { seqnoPlus } from '../../../src/core/babel/engine/seqno.ts'
import { keyOf } from '../../../src/core/babel/engine/table.ts'
import type { OutgoingTlv, RouterId } from '../../../src/core/babel/wire/tlv.ts'
import type { Random } from '../../../src/core/random.ts'

/** The interface on which a router hears all who have made a tunnel to it. */
export const SERVER = 'server'

/** Who hears what a router does. */
export interface RouterEvents {
  sent(router: Router, iface: string, to: string | undefined, tlvs: readonly OutgoingTlv[]): void
  /** Its forwarding table has changed. */
  forwarded(router: Router, key: string): void
}

/** A router of a simulated network: the engine of the daemon, and a forwarding table in place of the kernel's. */
export class Router {
  readonly index: number
  /** Its subnet. */
  readonly prefix: string
  /** Names its subnet, in forwarding tables. */
  readonly key: string
  /** Its clock is not that of others. */
  readonly clockOffsetMs: number
  /** Undefined: it is off. */
  engine: BabelEngine | undefined
  readonly forwarding = new Map<string, ForwardingRoute>()
  /** How many of these lead over each interface. */
  readonly #over = new Map<string, number>()
  readonly #addresses = new Map<string, string>()
  /** What sending to its neighbours costs, by interface and address. */
  readonly costs = new Map<string, number>()
  /** How often these have changed. */
  costChanges = 0
  /** When its engine is looked at next. */
  lookMs = Number.POSITIVE_INFINITY
  readonly #events: RouterEvents
  readonly #random: Random
  #local: readonly LocalRoute[]
  #starts = 0
  /** How many router-ids it has had before. */
  #identities = 0
  #lastSeqno = 0

  constructor(index: number, random: Random, events: RouterEvents) {
    this.index = index
    this.prefix = `2001:db8:${(index + 1).toString(16)}::/48`
    this.key = keyOf({ prefix: this.prefix, from: '::/0' })
    this.clockOffsetMs = Math.floor(random.next() * 1e9)
    this.#local = [{ prefix: this.prefix, from: '::/0', metric: 0 }]
    this.#random = random
    this.#events = events
  }

  /** What it originates. */
  get local(): readonly LocalRoute[] {
    return this.#local
  }

  originates(key: string): boolean {
    return this.#local.some((route) => keyOf(route) === key)
  }

  /**
   * Its link-local address on its server, and on the tunnel that it has made to another router. Another one after each
   * start, as that of a tap is: whoever sends to what it was before reaches nobody.
   */
  addressOn(iface: string): string {
    let address = this.#addresses.get(iface)
    if (address === undefined) {
      const number = iface === SERVER ? 0xfffe : Number(iface.slice('tunnel'.length))
      const parts = [this.index + 1, number + 1, this.#starts + 1].map((part) => part.toString(16))
      address = `fe80::${parts.join(':')}`
      this.#addresses.set(iface, address)
    }
    return address
  }

  /** How many destinations are routed over an interface. */
  countOver(iface: string): number {
    return this.#over.get(iface) ?? 0
  }

  #forward(key: string, route: ForwardingRoute | undefined): void {
    const before = this.forwarding.get(key)?.iface
    if (route) this.forwarding.set(key, route)
    else this.forwarding.delete(key)
    if (before !== undefined) this.#over.set(before, this.countOver(before) - 1)
    if (route) this.#over.set(route.iface, this.countOver(route.iface) + 1)
  }

  /**
   * Begins anew: of what it knew, nothing is left. Its number it may lose once: others tell it where it was. A second loss is
   * none that the protocol provides for: a number only ever rises (RFC 8966, 3.2.2), and of three at random, each may be older
   * than the next (3.2.1), so that while others remember all of them nothing prevents a loop. From then on it either goes on
   * from the number that it had, or has another router-id, as the daemon each time that it starts: loops through it are then
   * possible for a moment, as where several originate one prefix, and end by themselves.
   */
  start(nowMs: number): BabelEngine {
    this.#starts += 1
    this.#addresses.clear()
    const output: EngineOutput = {
      send: (iface, to, tlvs) => this.#events.sent(this, iface, to, tlvs),
      forward: (destination, route) => {
        const key = keyOf(destination)
        this.#forward(key, route === 'unreachable' ? undefined : route)
        this.#events.forwarded(this, key)
      },
      neighbour: (change, { iface, address, cost }) => {
        this.costChanges++
        if (change === 'flushed') this.costs.delete(`${iface} ${address}`)
        else this.costs.set(`${iface} ${address}`, cost)
      },
      route: () => undefined,
    }
    const anySeqno = Math.floor(this.#random.next() * 0x10000)
    const hasKeptIt = this.#starts > 2 && anySeqno % 2 === 0
    if (this.#starts > 2 && !hasKeptIt) this.#identities += 1
    const seqno = hasKeptIt ? seqnoPlus(this.#lastSeqno, 1) : anySeqno
    this.engine = new BabelEngine({ routerId: this.#routerId, seqno, random: this.#random, output })
    this.engine.setLocalRoutes(nowMs + this.clockOffsetMs, this.#local)
    return this.engine
  }

  /** Whether others may know its subnet as that of several routers (RFC 8966, 2.7): those that it was, and the one it is. */
  get isSeveral(): boolean {
    return this.#identities > 0
  }

  get #routerId(): RouterId {
    const octets = [this.#identities, this.index >> 8, this.index].map((number) => number & 0xff)
    return `02:00:00:00:00:${octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':')}`
  }

  /** Changes what it originates. */
  setLocal(nowMs: number, local: readonly LocalRoute[]): void {
    this.#local = local
    this.engine?.setLocalRoutes(nowMs + this.clockOffsetMs, local)
  }

  /** Is switched off. */
  stop(): void {
    this.#lastSeqno = this.engine?.seqno ?? this.#lastSeqno
    this.engine = undefined
    this.forwarding.clear()
    this.#over.clear()
    this.costs.clear()
    this.costChanges++
  }
}

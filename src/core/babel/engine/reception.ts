import { INFINITY } from '../metric.ts'
import type { Destination, Tlv, Update } from '../wire/tlv.ts'
import type { Acquisition } from './acquisition.ts'
import type { FullQueues } from './full-queues.ts'
import type { Hellos } from './hellos.ts'
import type { Inquiries } from './inquiries.ts'
import type { Liveness } from './liveness.ts'
import type { Interface, Neighbour } from './model.ts'
import type { Neighbours } from './neighbours.ts'
import type { ReceivedPacket } from './ports.ts'
import type { Requests } from './requests.ts'
import type { Routes } from './routes.ts'
import type { Updates } from './updates.ts'
import type { World } from './world.ts'

/** Who is told of what packets say. */
interface ReceptionParts {
  readonly neighbours: Neighbours
  readonly acquisition: Acquisition
  readonly liveness: Liveness
  readonly queues: FullQueues
  readonly hellos: Hellos
  readonly routes: Routes
  readonly updates: Updates
  readonly requests: Requests
  readonly inquiries: Inquiries
}

/** Takes in packets: what each TLV asks for is done by whoever it concerns (RFC 8966, 4.6). */
export class Reception {
  readonly #world: World
  readonly #parts: ReceptionParts

  constructor(world: World, parts: ReceptionParts) {
    this.#world = world
    this.#parts = parts
  }

  /** A packet was received, and is authentic. */
  receive(nowMs: number, packet: ReceivedPacket): void {
    const iface = this.#world.interfaces.get(packet.iface)
    if (iface === undefined || packet.source === iface.address) return
    const { neighbours, liveness, acquisition } = this.#parts
    const known = iface.neighbours.get(packet.source)
    const isQuestion = packet.tlvs.every(isOfWhoMissesUs)
    // Who was taken for dead may ask whether we are: it has not said yet that it hears us.
    if (!known && isQuestion && liveness.isLost(iface, packet.source))
      return this.#acknowledge(nowMs, iface, packet)
    const neighbour = known ?? this.#meetSender(nowMs, iface, packet)
    if (neighbour === undefined) {
      if (!packet.tlvs.some(isHello)) acquisition.heardWithoutHello(nowMs, iface)
      return
    }
    const acknowledged = acknowledgedBy(packet.tlvs)
    // Only an answer shows that it hears us.
    if (acknowledged.length > 0) liveness.answered(nowMs, neighbour, acknowledged)
    else liveness.heard(nowMs, neighbour)
    neighbours.hearLink(nowMs, neighbour, packet)
    const current = iface.neighbours.get(packet.source)
    if (current) for (const tlv of packet.tlvs) this.#hear(nowMs, current, tlv)
  }

  /** RFC 8966, 3.4: whoever says hello, and whoever was taken for dead and answers. */
  #meetSender(nowMs: number, iface: Interface, { source, tlvs }: ReceivedPacket): Neighbour | undefined {
    const { neighbours, liveness } = this.#parts
    const mayBeMet = tlvs.some(isHello) || liveness.isLost(iface, source)
    return mayBeMet ? neighbours.meet(nowMs, iface, source) : undefined
  }

  #hear(nowMs: number, neighbour: Neighbour, tlv: Tlv): void {
    const { updates, routes, requests, hellos, acquisition } = this.#parts
    switch (tlv.kind) {
      case 'acknowledgment-request':
        this.#acknowledge(nowMs, neighbour.iface, { source: neighbour.address, tlvs: [tlv] })
        return
      case 'acknowledgment':
        updates.acknowledged(nowMs, neighbour, tlv.opaque)
        return
      case 'hello':
      case 'ihu':
        return
      case 'update':
        neighbour.hasToldRoutes ||= this.#isOfUse(tlv)
        routes.acquire(nowMs, neighbour, tlv)
        return
      case 'wildcard-retraction':
        routes.retractAllOf(nowMs, neighbour)
        return
      case 'route-request':
        this.#hearRouteRequest(nowMs, neighbour, tlv)
        return
      case 'wildcard-request':
        if (this.#world.isRetracting || !requests.mayAsk(nowMs, neighbour)) return
        // Who asks may not know that we hear it.
        if (!acquisition.isTelling(nowMs, neighbour)) hellos.answer(nowMs, neighbour)
        updates.dumpTo(nowMs, neighbour)
        return
      case 'seqno-request':
        if (!this.#world.isRetracting && requests.mayAsk(nowMs, neighbour))
          requests.hear(nowMs, neighbour, tlv)
        return
    }
  }

  /** What it has from us, or not any more, it tells also without having told of anything else. */
  #isOfUse(update: Update): boolean {
    return update.metric < INFINITY && this.#world.table.find(update)?.local === undefined
  }

  /** RFC 8966, 3.3. Where our own queue loses most of what is put into it, several copies. */
  #acknowledge(
    nowMs: number,
    { name }: Interface,
    { source, tlvs }: Pick<ReceivedPacket, 'source' | 'tlvs'>,
  ): void {
    for (const tlv of tlvs) {
      if (tlv.kind !== 'acknowledgment-request') continue
      const copies = this.#parts.queues.copies(nowMs, name)
      for (let copy = 0; copy < copies; copy++)
        this.#world.output.send(name, source, [{ kind: 'acknowledgment', opaque: tlv.opaque }])
    }
  }

  /** RFC 8966, 3.8.1.1: an update, or a retraction. */
  #hearRouteRequest(nowMs: number, neighbour: Neighbour, destination: Destination): void {
    const { requests, updates, inquiries } = this.#parts
    if (!requests.mayAsk(nowMs, neighbour)) return
    const entry = this.#world.isRetracting ? undefined : this.#world.table.find(destination)
    if (entry) {
      updates.answer(nowMs, neighbour, entry)
      inquiries.asked(nowMs, neighbour, entry)
    } else updates.deny(neighbour, destination)
  }
}

const NONE: readonly number[] = []

/** The numbers of ours that a packet acknowledges; in most there are none. */
function acknowledgedBy(tlvs: readonly Tlv[]): readonly number[] {
  let acknowledged: number[] | undefined
  for (const tlv of tlvs)
    if (tlv.kind === 'acknowledgment') {
      acknowledged ??= []
      acknowledged.push(tlv.opaque)
    }
  return acknowledged ?? NONE
}

const isHello = ({ kind }: Tlv): boolean => kind === 'hello'

/** What also those send who do not hear us: they ask whether we are alive, or say that they take us for dead. */
const isOfWhoMissesUs = (tlv: Tlv): boolean =>
  tlv.kind === 'acknowledgment-request' || (tlv.kind === 'ihu' && tlv.rxcost >= INFINITY)

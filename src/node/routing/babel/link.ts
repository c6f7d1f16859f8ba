import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ReceivedPacket } from '../../../core/babel/engine/ports.ts'
import { Authenticator, type DropReason } from '../../../core/babel/mac/authenticator.ts'
import type { ComputeMac, MacKeys } from '../../../core/babel/mac/keys.ts'
import { isNextHop } from '../../../core/babel/next-hop.ts'
import { Outbox } from '../../../core/babel/outbox.ts'
import { decodePacket } from '../../../core/babel/wire/decode.ts'
import type { EncodableTlv } from '../../../core/babel/wire/encode.ts'
import { BABEL_GROUP } from '../../../core/babel/wire/numbers.ts'
import type { SharedPackets } from '../../../core/babel/wire/shared-packets.ts'
import type { Tlv } from '../../../core/babel/wire/tlv.ts'
import { messageOf } from '../../../core/errors.ts'
import { BackOff } from '../../../platform/back-off.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { LogLimit } from '../../../platform/log-limit.ts'
import type { LoopLag } from '../../../platform/loop-lag.ts'
import type { UsableLink } from './link-watch.ts'
import { type BabelSockets, openBabelSockets, type ReceivedDatagram } from './sockets.ts'

interface BabelLinkInit {
  readonly iface: string
  readonly link: UsableLink
  readonly clock: Clock
  readonly log: Logger
  readonly keys: MacKeys
  readonly compute: ComputeMac
  /** With those of the other interfaces. */
  readonly packets: SharedPackets
  /** One line for packets that are none. */
  readonly refusals: LogLimit
  readonly lag: Pick<LoopLag, 'busyMs'>
  /** It can send and receive from now on. */
  readonly onOpen: () => void
  readonly onPacket: (packet: ReceivedPacket) => void
  /** It cannot any more, for now. */
  readonly onClosed: () => void
}

/** Who read a packet later than this after it may have come knows nothing of how long it was on its way. */
const LATE_MS = 5
/** Of IPv6 and UDP, in each packet. */
const HEADER_BYTES = 48
/** What every link with IPv6 has (RFC 8200, 5). */
const MINIMUM_MTU = 1280
/** A link-local address cannot be used until nobody else has it (RFC 4862, 5.4): a second or two. */
const OPEN_DELAYS = { minMs: 20, maxMs: 1_000 }

/** Babel on one interface that is up: packets from bytes and into bytes, with the times of both. */
export class BabelLink implements Disposable {
  readonly #init: BabelLinkInit
  readonly #closing = new AbortController()
  readonly #maxBytes: number
  readonly #authenticator: Authenticator
  readonly #outbox = new Outbox<EncodableTlv>()
  #link: UsableLink
  #sockets: BabelSockets | undefined
  #sentToOne = 0

  constructor(init: BabelLinkInit) {
    this.#init = init
    this.#link = init.link
    this.#maxBytes = mtuOf(init.iface) - HEADER_BYTES
    const { address } = init.link
    const { keys, compute } = init
    this.#authenticator = new Authenticator({ address, keys, compute, randomBytes })
    inBackground(init.log, `Babel on ${init.iface}`, this.#run(), this.#closing.signal)
  }

  get state(): UsableLink {
    return this.#link
  }

  /** How many packets it has sent so far to one neighbour each. */
  get sentToOne(): number {
    return this.#sentToOne
  }

  /** It is the same link, with another IPv4 address. */
  changed(link: UsableLink): void {
    this.#link = link
  }

  /**
   * Sends to one neighbour, or to all; with what else there is to send once all packets that have come are read: the more of
   * them wait, because the machine is busy, the fewer packets answer them.
   */
  send(to: string | undefined, tlvs: readonly EncodableTlv[]): void {
    if (this.#outbox.isEmpty) setImmediate(() => this.#sendWaiting())
    this.#outbox.add(to, tlvs)
  }

  #sendWaiting(): void {
    for (const { to, tlvs } of this.#outbox.take()) this.#sendNow(to, tlvs)
  }

  #sendNow(to: string | undefined, tlvs: readonly EncodableTlv[]): void {
    const { clock, link, packets } = this.#init
    const encoded = packets.encode(tlvs, {
      maxBytes: this.#maxBytes - this.#authenticator.overhead,
      sender: link.address,
      nowUs: () => Math.floor(clock.monotonicMs() * 1000),
    })
    for (const packet of encoded) this.#sockets?.send(this.#authenticator.seal(packet, to ?? BABEL_GROUP), to)
    if (to !== undefined && this.#sockets) this.#sentToOne += encoded.length
  }

  /** Signs with, and accepts, other keys from now on: no neighbour has to prove anything again. */
  setKeys(keys: MacKeys): void {
    this.#authenticator.setKeys(keys)
  }

  /** A neighbour is gone. */
  forget(neighbour: string): void {
    this.#authenticator.forget(neighbour)
  }

  async #run(): Promise<void> {
    const { iface, link, clock, log, onOpen } = this.#init
    const { signal } = this.#closing
    const backOff = new BackOff(clock, OPEN_DELAYS)
    while (!signal.aborted && !this.#sockets) {
      try {
        const sockets = await openBabelSockets({
          iface,
          address: link.address,
          onDatagram: (datagram) => this.#received(datagram),
          onError: (error) => this.#failed(error),
        })
        if (signal.aborted) return sockets.close()
        this.#sockets = sockets
        onOpen()
      } catch (error) {
        log.debug({ iface, reason: messageOf(error) }, 'Babel cannot be spoken here yet')
        await backOff.wait(signal)
      }
    }
  }

  #received({ bytes, source, destination }: ReceivedDatagram): void {
    const { iface, clock, lag, refusals, log, onPacket, link } = this.#init
    const receivedMs = clock.monotonicMs()
    const isLate = lag.busyMs() > LATE_MS
    // What we say ourselves to the group.
    if (source === link.address) return
    const refuse = (reason: string) =>
      refusals.write(reason, (omitted) =>
        log.info({ iface, neighbour: source, reason, ...omitted }, 'a packet of Babel is ignored'),
      )
    const verdict = this.#authenticator.receive(receivedMs, bytes, source, destination)
    // RFC 8967, 4.3.1: before anything else is said.
    if (verdict.replies.length > 0) this.#sendNow(source, verdict.replies)
    // As each neighbour that begins does; and packets may come in another order.
    if (verdict.kind === 'dropped' && isUsual(verdict.reason)) return
    if (verdict.kind === 'dropped') return refuse(verdict.reason)
    const tlvs = decodePacket(bytes, { sender: source })
    if (!tlvs.ok) return refuse(tlvs.reason)
    const possible = this.#possible(tlvs.value, source)
    if (possible.length < tlvs.value.length) refuse('a next hop that nothing can be sent to')
    const multicast = destination === BABEL_GROUP
    onPacket({ iface, source, multicast, tlvs: possible, receivedMs, isLate })
  }

  /** Those without a next hop to which nothing can be sent. */
  #possible(tlvs: readonly Tlv[], source: string): readonly Tlv[] {
    const own = [this.#link.address, this.#link.ipv4Address]
    const isPossible = (tlv: Tlv) =>
      tlv.kind !== 'update' ||
      tlv.nextHop === undefined ||
      // As a rule: it is the next hop itself.
      tlv.nextHop === source ||
      isNextHop(tlv.nextHop, own)
    return tlvs.every(isPossible) ? tlvs : tlvs.filter(isPossible)
  }

  #failed(error: Error): void {
    const { iface, log, onClosed } = this.#init
    log.debug({ iface, reason: messageOf(error) }, 'Babel is not spoken here for now')
    this.#sockets = undefined
    onClosed()
    inBackground(log, `Babel on ${iface}`, this.#run(), this.#closing.signal)
  }

  [Symbol.dispose](): void {
    this.#sendWaiting()
    this.#closing.abort(new Error('the link is not used any more'))
    this.#sockets?.close()
    this.#sockets = undefined
  }
}

const isUsual = (reason: DropReason): boolean =>
  reason === 'not fresh until it answers a challenge' || reason === 'replayed'

function mtuOf(iface: string): number {
  try {
    return Math.max(MINIMUM_MTU, Number(readFileSync(`/sys/class/net/${iface}/mtu`, 'utf8')))
  } catch {
    return MINIMUM_MTU
  }
}

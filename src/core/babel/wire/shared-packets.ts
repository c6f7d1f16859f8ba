import { type EncodableTlv, encodePackets, type PacketForm } from './encode.ts'

interface Made {
  readonly tlvs: readonly EncodableTlv[]
  readonly form: Pick<PacketForm, 'maxBytes' | 'sender'>
  readonly packets: readonly Uint8Array[]
}

/**
 * Packets for several interfaces: of routes, the same is told on all of them one after another, each time with our own address
 * there as the next hop, which the packet does not name. Such packets are made once.
 */
export class SharedPackets {
  #last: Made | undefined

  /** As {@link encodePackets}. Nobody may change what it returns. */
  encode(tlvs: readonly EncodableTlv[], form: PacketForm): readonly Uint8Array[] {
    if (this.#last && isSame(this.#last, tlvs, form)) return this.#last.packets
    const packets = encodePackets(tlvs, form)
    if (tlvs.length > 1 && tlvs.every(({ kind }) => kind === 'update')) {
      const { maxBytes, sender } = form
      this.#last = { tlvs, form: { maxBytes, sender }, packets }
    }
    return packets
  }
}

function isSame(made: Made, tlvs: readonly EncodableTlv[], { maxBytes, sender }: PacketForm): boolean {
  if (made.form.maxBytes !== maxBytes || made.tlvs.length !== tlvs.length) return false
  for (let at = 0; at < tlvs.length; at++)
    if (!isSameUpdate(made.tlvs[at], made.form.sender, tlvs[at], sender)) return false
  return true
}

function isSameUpdate(
  one: EncodableTlv | undefined,
  senderOfOne: string,
  other: EncodableTlv | undefined,
  senderOfOther: string,
): boolean {
  if (one?.kind !== 'update' || other?.kind !== 'update') return false
  if (one === other && one.nextHop === undefined) return true
  return (
    one.prefix === other.prefix &&
    one.from === other.from &&
    one.routerId === other.routerId &&
    one.seqno === other.seqno &&
    one.metric === other.metric &&
    one.intervalMs === other.intervalMs &&
    (one.nextHop ?? senderOfOne) === senderOfOne &&
    (other.nextHop ?? senderOfOther) === senderOfOther
  )
}

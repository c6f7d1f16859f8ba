/** A message, or several that stay together, to one neighbour, or to all. */
export interface Parcel<Tlv> {
  /** Link-local address of the neighbour; undefined: all of them. */
  readonly to: string | undefined
  readonly tlvs: readonly Tlv[]
}

/**
 * So many messages make one packet: they fit into it also where each is an update with a router-id of its own, so that what is
 * acknowledged arrived with what asks for the acknowledgment.
 */
const TOGETHER = 25

/**
 * What waits to be sent on one interface. What comes from several causes at about the same time, to the same neighbours, goes
 * out in one packet (RFC 8966, 4): a packet costs more than what is in it. Each neighbour gets messages in their order.
 */
export class Outbox<Tlv> {
  #parcels: { readonly to: string | undefined; tlvs: readonly Tlv[] }[] = []

  get isEmpty(): boolean {
    return this.#parcels.length === 0
  }

  add(to: string | undefined, tlvs: readonly Tlv[]): void {
    if (tlvs.length === 0) return
    const open = this.#openFor(to)
    if (open && open.tlvs.length + tlvs.length <= TOGETHER) open.tlvs = [...open.tlvs, ...tlvs]
    else this.#parcels.push({ to, tlvs })
  }

  /** All of it, in the order in which it is to be sent; nothing waits any more. */
  take(): readonly Parcel<Tlv>[] {
    const parcels = this.#parcels
    this.#parcels = []
    return parcels
  }

  /** The last one for these neighbours, unless something later is for one of them, too. */
  #openFor(to: string | undefined) {
    const last = this.#parcels.findLast(
      (parcel) => parcel.to === to || parcel.to === undefined || to === undefined,
    )
    return last?.to === to ? last : undefined
  }
}

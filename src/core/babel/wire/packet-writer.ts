import { HEADER_OCTETS, MAGIC, SUB_TLV, TLV_OCTETS, VERSION } from './numbers.ts'

/** Octets of a packet as it grows. Whoever writes has asked for the room. */
export class PacketWriter {
  readonly #bytes: Uint8Array
  #at = HEADER_OCTETS

  /** @param maxBytes of a packet with its header */
  constructor(maxBytes: number) {
    this.#bytes = new Uint8Array(maxBytes)
  }

  get isEmpty(): boolean {
    return this.#at === HEADER_OCTETS
  }

  hasRoomFor(octets: number): boolean {
    return this.#at + octets <= this.#bytes.length
  }

  uint8(value: number): this {
    this.#bytes[this.#at++] = value
    return this
  }

  uint16(value: number): this {
    return this.uint8(value >> 8).uint8(value & 0xff)
  }

  uint32(value: number): this {
    return this.uint16((value >>> 16) & 0xffff).uint16(value & 0xffff)
  }

  octets(bytes: Uint8Array, from = 0, to = bytes.length): this {
    for (let each = from; each < to; each++) this.#bytes[this.#at++] = bytes[each] ?? 0
    return this
  }

  /** Begins a TLV of which the payload follows. */
  tlv(type: number, payloadOctets: number): this {
    return this.uint8(type).uint8(payloadOctets)
  }

  /** RFC 9616, 6: one time in a Hello, two in an IHU. */
  timestamps(...timesUs: readonly number[]): this {
    this.tlv(SUB_TLV.timestamp, 4 * timesUs.length)
    for (const each of timesUs) this.uint32(each)
    return this
  }

  /** The packet, without a trailer; the next one begins. */
  finish(): Uint8Array {
    const length = this.#at - HEADER_OCTETS
    this.#bytes[0] = MAGIC
    this.#bytes[1] = VERSION
    this.#bytes[2] = length >> 8
    this.#bytes[3] = length & 0xff
    const packet = this.#bytes.slice(0, this.#at)
    this.#at = HEADER_OCTETS
    return packet
  }
}

/** Octets of a sub-TLV with `times` timestamps. */
export const timestampsSize = (times: 1 | 2): number => TLV_OCTETS + 4 * times

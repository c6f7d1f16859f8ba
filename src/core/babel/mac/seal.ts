import { HEADER_OCTETS, TLV, TLV_OCTETS } from '../wire/numbers.ts'

/** The packet with a counter at the end of its body (RFC 8967, 6.2). @param packet without a trailer */
export function appendPacketCounter(packet: Uint8Array, counter: number, index: Uint8Array): Uint8Array {
  const payload = 4 + index.length
  const counted = new Uint8Array(packet.length + TLV_OCTETS + payload)
  counted.set(packet)
  const view = new DataView(counted.buffer)
  view.setUint8(packet.length, TLV.packetCounter)
  view.setUint8(packet.length + 1, payload)
  view.setUint32(packet.length + TLV_OCTETS, counter)
  counted.set(index, packet.length + TLV_OCTETS + 4)
  view.setUint16(2, counted.length - HEADER_OCTETS)
  return counted
}

/** The packet with MACs as its trailer (RFC 8967, 6.1). */
export function appendMacs(packet: Uint8Array, macs: readonly Uint8Array[]): Uint8Array {
  const signed = new Uint8Array(macs.reduce((sum, mac) => sum + TLV_OCTETS + mac.length, packet.length))
  signed.set(packet)
  let at = packet.length
  for (const mac of macs) {
    signed[at] = TLV.mac
    signed[at + 1] = mac.length
    signed.set(mac, at + TLV_OCTETS)
    at += TLV_OCTETS + mac.length
  }
  return signed
}

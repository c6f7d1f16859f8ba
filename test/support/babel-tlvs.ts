import { ipv4Text, ipv6Text } from '../../src/core/babel/wire/address-text.ts'
import type { EncodableTlv } from '../../src/core/babel/wire/encode.ts'
import { clearBeyond } from '../../src/core/babel/wire/prefix-octets.ts'
import type { Destination, Tlv, Update } from '../../src/core/babel/wire/tlv.ts'
import { fc } from './property.ts'

/** TLVs of any kind and content, as routers may send them. */

const octets = (count: number) =>
  fc.uint8Array({ minLength: count, maxLength: count }).map((bytes) => Uint8Array.from(bytes))

const uint16 = fc.nat(0xffff)
const uint32 = fc.nat(0xffffffff)
/** Hundredths of a second, as the wire has them, not zero. */
const intervalMs = fc.integer({ min: 1, max: 0xfffe }).map((value) => value * 10)

const ipv4Address = octets(4).map((bytes) => ipv4Text(bytes, 0))
const ipv6Address = octets(16).map((bytes) => ipv6Text(bytes, 0))
export const linkLocalAddress = octets(8).map((bytes) =>
  ipv6Text(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...bytes), 0),
)

export const routerId = octets(8)
  .filter((bytes) => !bytes.every((each) => each === bytes[0]))
  .map((bytes) => Array.from(bytes, (each) => each.toString(16).padStart(2, '0')).join(':'))

/** Of few networks, so that there is something in common. */
const ipv6Prefix = (minLength: number) =>
  fc
    .tuple(fc.constantFrom(0x20, 0xfd), octets(15), fc.integer({ min: minLength, max: 128 }))
    .map(([first, rest, length]) => {
      const bytes = Uint8Array.of(first, 1, 0xd, 0xb8, 0, 0x42, ...rest.subarray(5))
      clearBeyond(bytes, length)
      return `${ipv6Text(bytes, 0)}/${length}`
    })
const ipv4Prefix = (minLength: number) =>
  fc.tuple(octets(3), fc.integer({ min: minLength, max: 32 })).map(([rest, length]) => {
    const bytes = new Uint8Array(16)
    bytes.set([10, ...rest])
    clearBeyond(bytes, length)
    return `${ipv4Text(bytes, 0)}/${length}`
  })

const destination: fc.Arbitrary<Destination> = fc.oneof(
  fc.record({ prefix: ipv6Prefix(0), from: fc.oneof(fc.constant('::/0'), ipv6Prefix(1)) }),
  fc.record({ prefix: ipv4Prefix(0), from: fc.oneof(fc.constant('0.0.0.0/0'), ipv4Prefix(1)) }),
)

const echo = fc.record({ originUs: uint32, receiveUs: uint32 })

const nextHopFor = ({ prefix }: Destination) =>
  fc.oneof(linkLocalAddress, prefix.includes(':') ? ipv6Address : ipv4Address)

/** A route with a finite metric. */
export const update: fc.Arbitrary<Update> = destination.chain((to) =>
  fc.record({
    kind: fc.constant('update' as const),
    prefix: fc.constant(to.prefix),
    from: fc.constant(to.from),
    routerId,
    seqno: uint16,
    metric: fc.nat(0xfffe),
    intervalMs,
    nextHop: nextHopFor(to),
  }),
)

/** What is not a Hello. */
const other: fc.Arbitrary<Exclude<Tlv, { kind: 'hello' }>> = fc.oneof(
  fc.record({ kind: fc.constant('acknowledgment-request' as const), opaque: uint16, intervalMs }),
  fc.record({ kind: fc.constant('acknowledgment' as const), opaque: uint16 }),
  fc
    .record({
      kind: fc.constant('ihu' as const),
      rxcost: uint16,
      intervalMs,
      address: fc.oneof(fc.constant(undefined), linkLocalAddress, ipv4Address, ipv6Address),
      echo: fc.option(echo, { nil: undefined }),
    })
    .map(({ echo, ...rest }) => ({ ...rest, ...(echo && { echo }) })),
  { weight: 5, arbitrary: update },
  fc.constant({ kind: 'wildcard-retraction' as const }),
  fc.constant({ kind: 'wildcard-request' as const }),
  destination.map((to) => ({ kind: 'route-request' as const, ...to })),
  fc
    .tuple(destination, uint16, fc.integer({ min: 1, max: 255 }), routerId)
    .map(([to, seqno, hopCount, id]) => ({
      kind: 'seqno-request' as const,
      ...to,
      seqno,
      hopCount,
      routerId: id,
    })),
)

/** Whatever a packet may hold. */
export const outgoingTlv: fc.Arbitrary<Exclude<EncodableTlv, { nonce: Uint8Array }>> = fc.oneof(
  { weight: 8, arbitrary: other },
  fc.record({
    kind: fc.constant('hello' as const),
    unicast: fc.boolean(),
    seqno: uint16,
    intervalMs: fc.oneof(fc.constant(0), intervalMs),
    stamped: fc.boolean(),
  }),
)

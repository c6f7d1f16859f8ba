import { describe, expect, test as plainTest } from 'vitest'
import { decodeAuthentication } from '../../../../../src/core/babel/wire/authentication.ts'
import { decodePacket } from '../../../../../src/core/babel/wire/decode.ts'
import { type EncodableTlv, encodePackets } from '../../../../../src/core/babel/wire/encode.ts'
import type { Tlv, Update } from '../../../../../src/core/babel/wire/tlv.ts'
import { linkLocalAddress, outgoingTlv } from '../../../../support/babel-tlvs.ts'
import { fc, test } from '../../../../support/property.ts'

const SENDER = 'fe80::1'
const form = { maxBytes: 1200, sender: SENDER, nowUs: () => 7 }

/** What a neighbour reads. */
function decoded(packets: readonly Uint8Array[], sender = SENDER): readonly Tlv[] {
  return packets.flatMap((packet) => {
    const tlvs = decodePacket(packet, { sender })
    if (!tlvs.ok) throw new Error(tlvs.reason)
    return tlvs.value
  })
}

/** What a neighbour is to read for what was sent. */
function expected(tlv: EncodableTlv, sentUs: number): unknown {
  if (tlv.kind !== 'hello') return tlv
  const { stamped, ...rest } = tlv
  return { ...rest, ...(stamped && { sentUs }) }
}

const update = (prefix: string, more: Partial<Update> = {}): Update => ({
  kind: 'update',
  prefix,
  from: prefix.includes(':') ? '::/0' : '0.0.0.0/0',
  routerId: '02:00:00:00:00:00:00:01',
  seqno: 1,
  metric: 96,
  intervalMs: 60_000,
  nextHop: SENDER,
  ...more,
})

test(
  'whatever is written is read again, in packets no longer than asked',
  fc.array(outgoingTlv, { maxLength: 60 }),
  fc.integer({ min: 120, max: 1400 }),
  linkLocalAddress,
  fc.nat(0xffffffff),
  (tlvs, maxBytes, sender, nowUs) => {
    const packets = encodePackets(tlvs, { maxBytes, sender, nowUs: () => nowUs })
    expect(packets.every((packet) => packet.length <= maxBytes)).toBe(true)
    expect(decoded(packets, sender)).toEqual(tlvs.map((tlv) => expected(tlv, nowUs)))
  },
)

describe('compression', () => {
  const size = (...updates: readonly Update[]) => {
    const packets = encodePackets(updates, form)
    expect(packets).toHaveLength(1)
    return packets[0]?.length ?? 0
  }
  const one = size(update('2001:db8:42:1::/64'))

  plainTest('router-id and next hop are said once', () => {
    expect(one).toBe(4 + 12 + 12 + 8)
    const second = update('2001:db8:42:1:1::/80')
    expect(size(update('2001:db8:42:1::/64'), second)).toBe(one + 12 + 1)
    expect(size(update('2001:db8:42:1::/64'), { ...second, nextHop: 'fe80::2' })).toBe(one + 12 + 1 + 12)
    expect(size(update('2001:db8:42:1::/64'), { ...second, routerId: '02:00:00:00:00:00:00:02' })).toBe(
      one + 12 + 1 + 12,
    )
  })

  plainTest('a default route in between makes nobody forget the prefix', () => {
    const last = update('2001:db8:42:2::/64')
    expect(size(update('2001:db8:42:1::/64'), update('::/0'), last)).toBe(one + 12 + 12 + 1)
  })

  plainTest('a router-id that the prefix ends with is not said', () => {
    const routerId = '02:00:00:00:00:00:00:09'
    expect(size(update('2001:db8:42:1:200::9/128', { routerId }))).toBe(4 + 12 + 16)
  })

  plainTest('10,000 routes of one network take less than 30 octets each', () => {
    const updates = Array.from({ length: 10_000 }, (_, index) =>
      update(`2001:db8:42:${index.toString(16)}::/64`, {
        routerId: `02:00:00:00:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`,
      }),
    )
    const octets = encodePackets(updates, form).reduce((sum, packet) => sum + packet.length, 0)
    expect(octets / 10_000).toBeLessThan(30)
  })
})

plainTest('IPv4 goes by way of IPv6 where there is no IPv4 next hop; its retraction says IPv4', () => {
  const encodings = (tlv: Update) => encodePackets([tlv], form)[0]
  expect(encodings(update('10.0.0.0/8', { nextHop: '192.0.2.1' }))?.[4 + 12 + 8 + 2]).toBe(1)
  expect(encodings(update('10.0.0.0/8'))?.[4 + 12 + 2]).toBe(4)
  expect(encodings(update('10.0.0.0/8', { metric: 0xffff }))?.[4 + 2]).toBe(1)
})

plainTest('a retraction says neither router-id nor next hop', () => {
  const retraction = update('2001:db8::/32', { metric: 0xffff, routerId: undefined, nextHop: undefined })
  const packets = encodePackets([retraction], form)
  expect(packets[0]).toHaveLength(4 + 12 + 4)
  expect(decoded(packets)).toEqual([{ ...retraction, nextHop: SENDER }])
})

plainTest('a Hello and the IHU that follows share a packet, and each Hello has its own time', () => {
  const filler = update('2001:db8::1/128')
  const hello = { kind: 'hello', unicast: false, seqno: 1, intervalMs: 4000, stamped: true } as const
  const echo = { originUs: 1, receiveUs: 0xffffffff }
  const ihu = { kind: 'ihu', rxcost: 96, intervalMs: 12_000, address: 'fe80::2', echo } as const
  let now = 2 ** 40 + 5
  const packets = encodePackets([filler, hello, ihu, hello], {
    ...form,
    // Room for the Hello beside the update, not for the IHU.
    maxBytes: 4 + 12 + 28 + 14,
    nowUs: () => now++,
  })
  expect(packets.map((packet) => decoded([packet]).map((tlv) => tlv.kind))).toEqual(
    [['update'], ['hello', 'ihu', 'hello']].slice(0, packets.length === 2 ? 2 : 0),
  )
  expect(decoded(packets).flatMap((tlv) => (tlv.kind === 'hello' ? [tlv.sentUs] : []))).toEqual([5, 6])
})

plainTest(
  'intervals are hundredths of a second, rounded up, never zero, and updates never "for good"',
  () => {
    const interval = (intervalMs: number) => {
      const read = decoded(encodePackets([update('::/0', { intervalMs })], form))[0]
      return read?.kind === 'update' ? read.intervalMs : undefined
    }
    expect([0, 1, 10, 11, 1e9].map(interval)).toEqual([10, 10, 10, 20, 655_340])
  },
)

plainTest('challenges are written for those who read them', () => {
  const nonce = Uint8Array.of(1, 2, 3)
  const [packet] = encodePackets(
    [
      { kind: 'challenge-request', nonce },
      { kind: 'challenge-reply', nonce },
    ],
    form,
  )
  const read = decodeAuthentication(packet ?? new Uint8Array())
  expect(read).toMatchObject({
    ok: true,
    value: {
      tlvs: [
        { kind: 'challenge-request', nonce },
        { kind: 'challenge-reply', nonce },
      ],
    },
  })
})

plainTest('nothing to say is no packet', () => {
  expect(encodePackets([], form)).toEqual([])
})

import { describe, expect, test as plainTest } from 'vitest'
import { decodeAuthentication } from '../../../../../src/core/babel/wire/authentication.ts'
import { decodePacket } from '../../../../../src/core/babel/wire/decode.ts'
import { encodePackets } from '../../../../../src/core/babel/wire/encode.ts'
import type { Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { outgoingTlv } from '../../../../support/babel-tlvs.ts'
import { fc, test } from '../../../../support/property.ts'

const SENDER = 'fe80::1'

/** A packet of TLVs in hexadecimal, spaces anywhere. */
function packet(...tlvs: readonly string[]): Uint8Array {
  const body = Buffer.from(tlvs.join('').replaceAll(/\s/g, ''), 'hex')
  return Uint8Array.of(42, 2, body.length >> 8, body.length & 0xff, ...body)
}

function decoded(bytes: Uint8Array, sender = SENDER): readonly Tlv[] {
  const tlvs = decodePacket(bytes, { sender })
  if (!tlvs.ok) throw new Error(tlvs.reason)
  return tlvs.value
}

const kinds = (...tlvs: readonly string[]) => decoded(packet(...tlvs)).map((tlv) => tlv.kind)
const prefixes = (...tlvs: readonly string[]) =>
  decoded(packet(...tlvs)).flatMap((tlv) => (tlv.kind === 'update' ? [tlv.prefix] : []))

const ACKNOWLEDGMENT = '03 02 1234'
const ROUTER_ID = '06 0a 0000 0200000000000001'
/** 2001:db8:42::/48, interval 60 s, seqno 1, metric 96; with the Prefix flag or not. */
const UPDATE = '08 10 02 00 30 00 1770 0001 0060 20010db80042'
const DEFAULT_UPDATE = '08 10 02 80 30 00 1770 0001 0060 20010db80042'
/** The next 2001:db8:42:5::/64 without its first six octets. */
const OMITTING_UPDATE = '08 0c 02 00 40 06 1770 0001 0060 0005'

describe('what is no packet is refused', () => {
  plainTest.each([
    ['nothing', ''],
    ['half a header', '2a02'],
    ['another magic value', '2b020000'],
    ['another version', '2a030000'],
    ['a body that was cut short', '2a02000500'],
  ])('%s', (_, bytes) => {
    expect(decodePacket(Buffer.from(bytes, 'hex'), { sender: SENDER }).ok).toBe(false)
    expect(decodeAuthentication(Buffer.from(bytes, 'hex')).ok).toBe(false)
  })
})

test('arbitrary bytes never throw', fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, hasHeader) => {
  const whole = hasHeader ? Uint8Array.of(42, 2, bytes.length >> 8, bytes.length & 255, ...bytes) : bytes
  decodePacket(whole, { sender: SENDER })
  decodeAuthentication(whole)
})

test(
  'a packet with octets changed, taken or added never throws, and what it yields can be written again',
  fc.array(outgoingTlv, { minLength: 1, maxLength: 20 }),
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
  fc.nat(300),
  (tlvs, changes, cut) => {
    for (const each of encodePackets(tlvs, { maxBytes: 1200, sender: SENDER, nowUs: () => 0 })) {
      const bytes = Uint8Array.from(each.subarray(0, Math.max(4, each.length - cut)))
      for (const [at, value] of changes) bytes[4 + (at % bytes.length)] = value
      bytes[2] = (bytes.length - 4) >> 8
      bytes[3] = (bytes.length - 4) & 0xff
      const read = decodePacket(bytes, { sender: SENDER })
      if (!read.ok) continue
      const again = read.value.map((tlv) => (tlv.kind === 'hello' ? { ...tlv, stamped: false } : tlv))
      encodePackets(again, { maxBytes: 1200, sender: SENDER, nowUs: () => 0 })
    }
  },
)

describe('TLVs that are left out alone', () => {
  plainTest.each([
    ['unknown', 'c8 03 010203'],
    ['padding', '00 01 02 0000 00'],
    ['too short', '04 02 0000'],
    ['an acknowledgment request without an interval', '02 06 0000 0001 0000'],
    ['an IHU without an interval', '05 06 00 00 0060 0000'],
    ['an IHU of an unknown encoding', '05 0a 07 00 0060 0064 01020304'],
    ['an IHU with the encoding of prefixes only (RFC 9229, 2.4)', '05 0a 04 00 0060 0064 01020304'],
    ['an update without an interval', `${ROUTER_ID} 08 10 02 00 30 00 0000 0001 0060 20010db80042`],
    ['an update of an unknown encoding', `${ROUTER_ID} 08 10 05 00 30 00 1770 0001 0060 20010db80042`],
    ['an update of all with a finite metric', `${ROUTER_ID} 08 0a 00 00 00 00 1770 0001 0060`],
    ['a retraction of all with a length', '08 0a 00 00 08 00 1770 0001 ffff'],
    ['a prefix longer than its address', `${ROUTER_ID} 08 0f 01 00 21 00 1770 0001 0060 0a00000001`],
    ['an update without a router-id', UPDATE],
    ['an update after a router-id of zeros', `06 0a 0000 0000000000000000 ${UPDATE}`],
    ['an update after a router-id of ones', `06 0a 0000 ffffffffffffffff ${UPDATE}`],
    ['omitted octets that nobody said', `${ROUTER_ID} ${OMITTING_UPDATE}`],
    ['IPv4 without a next hop', `${ROUTER_ID} 08 0b 01 00 08 00 1770 0001 0060 0a`],
    ['a request of all with a length', '09 02 00 08'],
    ['a request for a seqno of all', '0a 0e 00 00 0001 01 00 0200000000000001'],
    ['a request that may go nowhere', '0a 0e 02 00 0001 00 00 0200000000000001'],
    ['an unknown mandatory sub-TLV', '03 04 1234 81 00'],
    ['a source prefix where none can be', '03 06 1234 80 02 08 20'],
    ['sub-TLVs that do not fit', '03 05 1234 05 09 00'],
    ['two source prefixes', '09 0a 02 00 80 02 08 20 80 02 08 20'],
    ['a source prefix of no length', '09 05 02 00 80 01 00'],
    ['a source prefix that is cut', '09 06 02 00 80 02 10 20'],
    ['a source prefix in a request of all', '09 06 00 00 80 02 08 20'],
    ['a source prefix in a retraction of all', '08 0e 00 00 00 00 1770 0001 ffff 80 02 08 20'],
  ])('%s', (_, tlv) => {
    expect(kinds(tlv, ACKNOWLEDGMENT)).toEqual(['acknowledgment'])
  })
})

plainTest('a TLV that reaches beyond the body ends it; what came before stays', () => {
  expect(kinds(ACKNOWLEDGMENT, '04 ff 0000')).toEqual(['acknowledgment'])
  expect(kinds(ACKNOWLEDGMENT, '04')).toEqual(['acknowledgment'])
})

plainTest('nothing of the trailer is taken for the body', () => {
  const bytes = packet(ACKNOWLEDGMENT)
  expect(decoded(Uint8Array.of(...bytes, ...bytes.subarray(4))).length).toBe(1)
})

plainTest('sub-TLVs that are unknown and not mandatory change nothing', () => {
  expect(kinds('03 07 1234 00 05 01 ff 01 00')).toEqual([])
  expect(kinds('03 08 1234 00 05 01 ff 01 00')).toEqual(['acknowledgment'])
})

describe('what a TLV says for later ones holds although it is ignored (RFC 8966, 4.5)', () => {
  const MANDATORY = 'ff 00'
  plainTest('Router-Id', () => {
    expect(prefixes(`06 0c 0000 0200000000000001 ${MANDATORY}`, UPDATE)).toEqual(['2001:db8:42::/48'])
  })
  plainTest('Next Hop', () => {
    const nextHops = decoded(packet(ROUTER_ID, `07 0c 03 00 0000000000000009 ${MANDATORY}`, UPDATE))
    expect(nextHops).toMatchObject([{ nextHop: 'fe80::9' }])
  })
  plainTest('the prefix of an Update', () => {
    expect(
      prefixes(ROUTER_ID, `08 12 02 80 30 00 1770 0001 0060 20010db80042 ${MANDATORY}`, OMITTING_UPDATE),
    ).toEqual(['2001:db8:42:5::/64'])
  })
  plainTest('the prefix of an Update without a router-id', () => {
    expect(prefixes(DEFAULT_UPDATE, ROUTER_ID, OMITTING_UPDATE)).toEqual(['2001:db8:42:5::/64'])
  })
  plainTest('the router-id in the prefix of an Update', () => {
    const address = '20010db8004200000200000000000007'
    expect(decoded(packet(`08 1c 02 40 80 00 1770 0001 0060 ${address} ${MANDATORY}`, UPDATE))).toMatchObject(
      [{ routerId: '02:00:00:00:00:00:00:07', prefix: '2001:db8:42::/48' }],
    )
  })
})

describe('what a broken TLV should have said is unknown', () => {
  plainTest('Router-Id', () => {
    expect(prefixes(ROUTER_ID, '06 02 0000', UPDATE)).toEqual([])
  })
  plainTest('Next Hop', () => {
    expect(prefixes(ROUTER_ID, '07 04 03 00 0000', UPDATE)).toEqual([])
  })
  plainTest('the prefix of an Update', () => {
    expect(
      prefixes(ROUTER_ID, DEFAULT_UPDATE, '08 0c 02 80 30 00 1770 0001 0060 2001', OMITTING_UPDATE),
    ).toEqual(['2001:db8:42::/48'])
  })
})

describe('prefixes', () => {
  plainTest('bits beyond the length are cleared, also in what was omitted', () => {
    expect(prefixes(ROUTER_ID, '08 10 02 80 2c 00 1770 0001 0060 20010db800ff')).toEqual(['2001:db8:f0::/44'])
    expect(prefixes(ROUTER_ID, DEFAULT_UPDATE, '08 0a 02 00 14 06 1770 0001 0060')).toEqual([
      '2001:db8:42::/48',
      '2001::/20',
    ])
  })
  plainTest('each encoding has its own default (RFC 9229, 4.1)', () => {
    const ipv4 = '08 0d 04 80 18 00 1770 0001 0060 0a0102'
    expect(prefixes(ROUTER_ID, ipv4, '08 0b 04 00 20 03 1770 0001 0060 09')).toEqual([
      '10.1.2.0/24',
      '10.1.2.9/32',
    ])
    expect(prefixes(ROUTER_ID, ipv4, '07 06 01 00 c0000201', '08 0b 01 00 20 03 1770 0001 0060 09')).toEqual([
      '10.1.2.0/24',
    ])
  })
  plainTest('IPv4 takes the next hop of its encoding', () => {
    const nextHop = '07 06 01 00 c0000201'
    const updates = decoded(
      packet(
        ROUTER_ID,
        nextHop,
        '08 0b 01 00 08 00 1770 0001 0060 0a',
        '08 0b 04 00 08 00 1770 0001 0060 0b',
      ),
    )
    expect(updates).toMatchObject([
      { prefix: '10.0.0.0/8', nextHop: '192.0.2.1' },
      { prefix: '11.0.0.0/8', nextHop: SENDER },
    ])
    expect(decoded(packet(ROUTER_ID, '08 0b 01 00 08 00 1770 0001 0060 0a'), '192.0.2.9')).toMatchObject([
      { nextHop: '192.0.2.9' },
    ])
  })
  plainTest('a link-local prefix has its beginning implied', () => {
    expect(prefixes(ROUTER_ID, '08 12 03 00 80 00 1770 0001 0060 0000000000000001')).toEqual(['fe80::1/128'])
    expect(prefixes(ROUTER_ID, DEFAULT_UPDATE, '08 12 03 00 80 01 1770 0001 0060 0000000000000001')).toEqual([
      '2001:db8:42::/48',
    ])
  })
  plainTest('a source prefix, with octets after it (RFC 9079, 7.1)', () => {
    expect(decoded(packet(ROUTER_ID, '08 11 02 00 00 00 1770 0001 0060 80 05 10 2001 ffff'))).toMatchObject([
      { prefix: '::/0', from: '2001::/16' },
    ])
  })
})

describe('times (RFC 9616, 6)', () => {
  plainTest('longer than known: the rest is ignored', () => {
    expect(decoded(packet('04 0d 0000 0001 0064 03 05 0000002a ff'))).toMatchObject([
      { kind: 'hello', seqno: 1, intervalMs: 1000, sentUs: 42 },
    ])
    expect(decoded(packet('05 11 00 00 0060 0064 03 09 00000001 80000000 ff'))).toMatchObject([
      { kind: 'ihu', echo: { originUs: 1, receiveUs: 0x80000000 } },
    ])
  })
  plainTest('too short: as if there were none', () => {
    expect(decoded(packet('04 0a 8000 0001 0064 03 02 0000'))).toEqual([
      { kind: 'hello', unicast: true, seqno: 1, intervalMs: 1000 },
    ])
    expect(decoded(packet('05 0c 00 00 0060 0064 03 04 00000001'))).toEqual([
      { kind: 'ihu', rxcost: 96, intervalMs: 1000, address: undefined },
    ])
  })
})

plainTest('200,000 updates are decoded in well under a second', () => {
  const updates = Array.from({ length: 10_000 }, (_, index) => {
    const hex = index.toString(16).padStart(4, '0')
    return {
      kind: 'update' as const,
      prefix: `2001:db8:42:${index.toString(16)}::/64`,
      from: '::/0',
      routerId: `02:00:00:00:00:00:${hex.slice(0, 2)}:${hex.slice(2)}`,
      seqno: 1,
      metric: 96,
      intervalMs: 60_000,
      nextHop: SENDER,
    }
  })
  const packets = encodePackets(updates, { maxBytes: 1400, sender: SENDER, nowUs: () => 0 })
  const started = process.cpuUsage()
  let count = 0
  for (let neighbour = 0; neighbour < 20; neighbour++)
    for (const each of packets) count += decoded(each).length
  const { user, system } = process.cpuUsage(started)
  expect(count).toBe(200_000)
  expect((user + system) / 1000).toBeLessThan(1000)
})

import { describe, expect, test } from 'vitest'
import { INFINITY } from '../../../../../src/core/babel/metric.ts'
import { decodePacket } from '../../../../../src/core/babel/wire/decode.ts'
import { encodePackets } from '../../../../../src/core/babel/wire/encode.ts'
import type { Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { conversations } from '../../../../support/babel-conversations.ts'

/** A packet's TLVs. */
function decoded(octets: Uint8Array, sender: string): readonly Tlv[] {
  const tlvs = decodePacket(octets, { sender })
  if (!tlvs.ok) throw new Error(tlvs.reason)
  return tlvs.value
}

describe.each(conversations)('$name', ({ name, routers, packets }) => {
  const senders = [...new Set(packets.map(({ from }) => from))]
  const said = packets.flatMap(({ octets, from }) => decoded(octets, from).map((tlv) => ({ from, tlv })))

  test('each announces its routes, and retracts them', () => {
    const announced = said.flatMap(({ from, tlv }) =>
      tlv.kind === 'update' && tlv.metric === 0
        ? [{ from, to: `${tlv.prefix} ${tlv.from}`, nextHop: tlv.nextHop }]
        : [],
    )
    const numberOf = (from: string) =>
      announced.some((each) => each.from === from && each.to === '2001:db8:42:1::/64 ::/0') ? 1 : 2
    expect(senders.map(numberOf).toSorted()).toEqual([1, 2])
    for (const sender of senders) {
      const number = numberOf(sender)
      const ipv4 = name.endsWith('timestamps') ? sender : `192.0.2.${number}`
      const own = announced.filter(({ from }) => from === sender)
      expect(new Map(own.map(({ to, nextHop }) => [to, nextHop]))).toEqual(
        new Map([
          [`2001:db8:42:${number}::/64 ::/0`, sender],
          [`2001:db8:42:${number}::1/128 ::/0`, sender],
          ['::/0 2001:db8:42::/48', sender],
          [`10.42.${number}.0/24 0.0.0.0/0`, ipv4],
        ]),
      )
    }
    expect(said.filter(({ tlv }) => tlv.kind === 'wildcard-retraction').length).toBeGreaterThan(0)
  })

  test('each hears the other', () => {
    for (const sender of senders) {
      const ihus = said.flatMap(({ from, tlv }) => (from === sender && tlv.kind === 'ihu' ? [tlv] : []))
      expect([...new Set(ihus.map(({ address }) => address))]).toEqual(
        senders.filter((each) => each !== sender),
      )
    }
  })

  test('babeld tells its time, and echoes the one of another babeld', () => {
    const hellos = said.flatMap(({ tlv }) => (tlv.kind === 'hello' ? [tlv] : []))
    const echoes = said.flatMap(({ tlv }) => (tlv.kind === 'ihu' && tlv.echo ? [tlv.echo] : []))
    const babelds = routers.filter((each) => each === 'babeld').length
    expect(hellos.some(({ sentUs }) => sentUs !== undefined)).toBe(babelds > 0)
    expect(hellos.every(({ sentUs }) => sentUs !== undefined)).toBe(babelds === 2)
    expect(echoes.length > 0).toBe(babelds === 2)
    for (const { originUs } of echoes) expect(hellos.map(({ sentUs }) => sentUs)).toContain(originUs)
  })

  test('no TLV is left out: what is written again says the same, in no more octets', () => {
    for (const { octets, from } of packets) {
      const tlvs = decoded(octets, from)
      const times = tlvs.flatMap((tlv) =>
        tlv.kind === 'hello' && tlv.sentUs !== undefined ? [tlv.sentUs] : [],
      )
      const outgoing = tlvs.map((tlv) =>
        tlv.kind === 'hello' ? { ...tlv, stamped: tlv.sentUs !== undefined } : tlv,
      )
      const again = encodePackets(outgoing, { maxBytes: 1452, sender: from, nowUs: () => times.shift() ?? 0 })
      expect(again.length).toBeLessThanOrEqual(1)
      expect(again[0]?.length ?? 0).toBeLessThanOrEqual(octets.length)
      // A retraction's router-id and next hop say nothing, and are not written.
      const meaning = (tlv: Tlv) =>
        tlv.kind === 'update' && tlv.metric === INFINITY
          ? { ...tlv, routerId: undefined, nextHop: undefined }
          : tlv
      expect((again[0] ? decoded(again[0], from) : []).map(meaning)).toEqual(tlvs.map(meaning))
    }
  })
})

test('all that the two daemons say is there', () => {
  const kinds = conversations.flatMap(({ packets }) =>
    packets.flatMap(({ octets, from }) => decoded(octets, from).map(({ kind }) => kind)),
  )
  expect([...new Set(kinds)].toSorted()).toEqual([
    'hello',
    'ihu',
    'route-request',
    'seqno-request',
    'update',
    'wildcard-request',
    'wildcard-retraction',
  ])
})

import { expect, it } from 'vitest'
import { encodePackets } from '../../../../../src/core/babel/wire/encode.ts'
import { SharedPackets } from '../../../../../src/core/babel/wire/shared-packets.ts'
import type { OutgoingTlv, Update } from '../../../../../src/core/babel/wire/tlv.ts'
import { linkLocalAddress, outgoingTlv } from '../../../../support/babel-tlvs.ts'
import { fc, test } from '../../../../support/property.ts'

const formOf = (sender: string, maxBytes = 1_200) => ({ maxBytes, sender, nowUs: () => 7 })

/** What is told on the interface where our address is this. */
const tableAt = (nextHop: string): Update[] =>
  Array.from({ length: 100 }, (_, route) => ({
    ...{ kind: 'update', from: '::/0', seqno: 1, metric: 96, intervalMs: 60_000, nextHop },
    prefix: `2001:db8:42:${route.toString(16)}::/64`,
    routerId: '02:00:00:00:00:00:00:01',
  }))

it('what is told on all interfaces is made once', () => {
  const packets = new SharedPackets()
  const first = packets.encode(tableAt('fe80::1'), formOf('fe80::1'))
  expect(first.length).toBeGreaterThan(1)
  expect(packets.encode(tableAt('fe80::2'), formOf('fe80::2'))).toBe(first)
})

it.each([
  ['a neighbour is the next hop there', tableAt('fe80::9'), formOf('fe80::2')],
  ['the path carries less there', tableAt('fe80::2'), formOf('fe80::2', 600)],
  [
    'one route is another',
    [...tableAt('fe80::2').slice(1), ...tableAt('fe80::2').slice(0, 1)],
    formOf('fe80::2'),
  ],
  ['less is told there', tableAt('fe80::2').slice(1), formOf('fe80::2')],
])('it is made anew where %s', (_, tlvs, form) => {
  const packets = new SharedPackets()
  const first = packets.encode(tableAt('fe80::1'), formOf('fe80::1'))
  const second = packets.encode(tlvs, form)
  expect(second).not.toEqual(first)
  expect(second).toEqual(encodePackets(tlvs, form))
})

const message = fc.record({
  tlvs: fc.array(outgoingTlv, { maxLength: 6 }),
  sender: linkLocalAddress,
  maxBytes: fc.constantFrom(400, 1_200),
})

test(
  'whatever was made before, packets are those that would be made without it',
  fc.array(message, { minLength: 1, maxLength: 4 }),
  fc.array(fc.nat(3), { maxLength: 6 }),
  (messages, order) => {
    const packets = new SharedPackets()
    for (const at of order) {
      const { tlvs, sender, maxBytes } = messages[at % messages.length] ?? {
        tlvs: [],
        sender: 'fe80::1',
        maxBytes: 400,
      }
      const own: OutgoingTlv[] = tlvs.map((tlv) =>
        tlv.kind === 'update' ? { ...tlv, nextHop: sender } : tlv,
      )
      for (const told of [tlvs, own])
        expect(packets.encode(told, formOf(sender, maxBytes))).toEqual(
          encodePackets(told, formOf(sender, maxBytes)),
        )
    }
  },
)

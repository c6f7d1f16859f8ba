import { describe, expect, it } from 'vitest'
import {
  decodeMulticastMessage,
  digestOf,
  EMPTY_STATE,
  encodeMulticastState,
  encodeReceipt,
  MAX_ENTRIES,
  NOTHING,
} from '../../../../src/core/multicast/state-message.ts'
import { addressOfBits } from '../../../../src/core/values/bits.ts'
import { fc, test } from '../../../support/property.ts'

const address = (first: string) =>
  fc
    .bigInt({ min: 0n, max: (1n << 112n) - 1n })
    .map((rest) =>
      addressOfBits(BigInt(`0x${first}`).toString(2).padStart(16, '0') + rest.toString(2).padStart(112, '0')),
    )
const channel = fc.record({ source: address('2001'), group: address('ff3e') })
const join = fc.record({ via: address('fe80'), source: address('2001'), group: address('ff0e') })
const JOIN = { via: 'fe80::1', source: '2001:db8:42:1::1', group: 'ff3e::1' }

describe('a multicast state', () => {
  test(
    'is read as it was written',
    fc.array(join, { maxLength: 5 }),
    fc.array(channel, { maxLength: 5 }),
    (joins, sources) => {
      const decoded = decodeMulticastMessage(encodeMulticastState({ joins, sources }))
      expect(decoded).toEqual({ ok: true, value: { kind: 'state', state: { joins, sources } } })
    },
  )

  test('never throws, whatever the bytes', fc.uint8Array({ maxLength: 200 }), (bytes) => {
    expect(typeof decodeMulticastMessage(bytes).ok).toBe('boolean')
  })

  test('cut short or prolonged is refused', fc.integer({ min: -53, max: 40 }), (change) => {
    fc.pre(change !== 0)
    const bytes = encodeMulticastState({ joins: [JOIN], sources: [] })
    const other = change < 0 ? bytes.subarray(0, change) : Buffer.concat([bytes, Buffer.alloc(change)])
    expect(decodeMulticastMessage(other).ok).toBe(false)
  })

  it('is a few bytes when there is nothing to say', () => {
    expect(encodeMulticastState(EMPTY_STATE)).toEqual(Buffer.from('0100000000', 'hex'))
  })

  it('is written as documented', () => {
    expect(encodeMulticastState({ joins: [JOIN], sources: [] }).toString('hex')).toBe(
      `0100010000${'fe800000000000000000000000000001'}${'20010db8004200010000000000000001'}${'ff3e0000000000000000000000000001'}`,
    )
  })

  it('of another format, or too long, is refused', () => {
    expect(decodeMulticastMessage(Buffer.from('0300000000', 'hex')).ok).toBe(false)
    expect(decodeMulticastMessage(Buffer.from('01ffff0000', 'hex'))).toMatchObject({
      ok: false,
      reason: /too long/,
    })
  })

  it('is confirmed by a part of its hash', () => {
    const receipt = encodeReceipt(digestOf(encodeMulticastState(EMPTY_STATE)))
    expect(receipt.toString('hex')).toMatch(/^02[0-9a-f]{16}$/)
    expect(decodeMulticastMessage(receipt)).toEqual({
      ok: true,
      value: { kind: 'receipt', digest: receipt.subarray(1).toString('hex') },
    })
    expect(decodeMulticastMessage(encodeReceipt(NOTHING))).toEqual({
      ok: true,
      value: { kind: 'receipt', digest: '0000000000000000' },
    })
    for (const bytes of [receipt.subarray(0, -1), Buffer.concat([receipt, Buffer.of(0)])])
      expect(decodeMulticastMessage(bytes).ok).toBe(false)
  })

  it('leaves out what is beyond its length', () => {
    const joins = Array.from({ length: MAX_ENTRIES + 1 }, () => JOIN)
    const decoded = decodeMulticastMessage(encodeMulticastState({ joins, sources: [] }))
    expect(decoded.ok && decoded.value.kind === 'state' && decoded.value.state.joins.length).toBe(MAX_ENTRIES)
  })

  it('with a group that stays on a link, or a group as a source, is refused', () => {
    for (const strange of [
      { ...JOIN, group: 'ff02::1' },
      { ...JOIN, group: '2001::1' },
      { ...JOIN, source: 'ff0e::1' },
    ])
      expect(decodeMulticastMessage(encodeMulticastState({ joins: [strange], sources: [] })).ok).toBe(false)
  })
})

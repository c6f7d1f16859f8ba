import { isIPv4 } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  decodeNatPmp,
  encodeNatPmpAddress,
  encodeNatPmpMapping,
} from '../../../../src/core/port-mapping/nat-pmp.ts'
import { fc, test } from '../../../support/property.ts'

const PORT = fc.nat(0xffff)
/** Bytes that begin as an answer does. */
const answerLike = (rest: fc.Arbitrary<Uint8Array>) =>
  fc
    .tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 99), rest)
    .map(([opcode, result, bytes]) => Uint8Array.of(0, 0x80 | opcode, 0, result, ...bytes))

const hex = (text: string) => Buffer.from(text, 'hex')

describe('NAT-PMP', () => {
  it('asks as RFC 6886 draws it', () => {
    expect(Buffer.from(encodeNatPmpAddress()).toString('hex')).toBe('0000')
    const wish = { protocol: 'tcp', internalPort: 1194, externalPort: 40000, leaseSeconds: 600 } as const
    expect(Buffer.from(encodeNatPmpMapping(wish)).toString('hex')).toBe('0002000004aa9c4000000258')
    expect(encodeNatPmpMapping({ ...wish, protocol: 'udp' })[1]).toBe(1)
  })

  it('reads answers', () => {
    expect(decodeNatPmp(hex('008000000000000acb007107'))).toEqual({
      ok: true,
      value: { kind: 'address', externalAddress: '203.0.113.7' },
    })
    expect(decodeNatPmp(hex('008200000000000a04aa9c4100000258'))).toEqual({
      ok: true,
      value: { kind: 'mapped', protocol: 'tcp', internalPort: 1194, externalPort: 40001, leaseSeconds: 600 },
    })
  })

  it.each([
    ['008200020000000a04aa000000000000', 'tcp', { kind: 'refused', reason: 'not authorized' }],
    ['008100040000000a', 'udp', { kind: 'unable', reason: 'no resources' }],
    ['008000030000000a', 'address', { kind: 'behind-nat', address: undefined }],
    ['008000630000000a', 'address', { kind: 'unable', reason: 'NAT-PMP result 99' }],
  ])('reads the refusal %s', (bytes, about, trouble) => {
    expect(decodeNatPmp(hex(bytes))).toEqual({ ok: true, value: { kind: 'trouble', about, trouble } })
  })

  it.each(['', '0080', '028000000000000acb007107', '0000', '008000000000000acb', '008100000000000a04aa9c41'])(
    'refuses %j',
    (bytes) => {
      expect(decodeNatPmp(hex(bytes)).ok).toBe(false)
    },
  )

  test('reads every mapping that there can be', PORT, PORT, fc.nat(0xffffffff), fc.boolean(), (...values) => {
    const [internalPort, externalPort, leaseSeconds, isTcp] = values
    const protocol = isTcp ? 'tcp' : 'udp'
    const asked = encodeNatPmpMapping({ protocol, internalPort, externalPort, leaseSeconds })
    const answer = Buffer.concat([asked.subarray(0, 4), Buffer.alloc(4), asked.subarray(4)])
    answer.writeUInt8((asked[1] ?? 0) | 0x80, 1)
    expect(decodeNatPmp(answer)).toEqual({
      ok: true,
      value: { kind: 'mapped', protocol, internalPort, externalPort, leaseSeconds },
    })
    const cut = decodeNatPmp(answer.subarray(0, internalPort % answer.length))
    expect(cut.ok, 'cut off').toBe(false)
  })

  test(
    'takes bytes for an answer only when they are one, and then in full',
    fc.oneof(fc.uint8Array({ maxLength: 40 }), answerLike(fc.uint8Array({ maxLength: 20 }))),
    (bytes) => {
      const answer = decodeNatPmp(bytes)
      if (!answer.ok) {
        expect(answer.reason).not.toBe('')
        return
      }
      expect([bytes[0], (bytes[1] ?? 0) & 0x80]).toEqual([0, 0x80])
      if (answer.value.kind === 'address') expect(isIPv4(answer.value.externalAddress)).toBe(true)
      expect(answer.value.kind === 'trouble').toBe(bytes[2] !== 0 || bytes[3] !== 0)
    },
  )
})

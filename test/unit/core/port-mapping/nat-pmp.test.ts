import { describe, expect, it } from 'vitest'
import {
  decodeNatPmp,
  encodeNatPmpAddress,
  encodeNatPmpMapping,
} from '../../../../src/core/port-mapping/nat-pmp.ts'
import { fc, test } from '../../../support/property.ts'

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

  test('refuses any other bytes', fc.uint8Array({ maxLength: 40 }), (bytes) => {
    const answer = decodeNatPmp(bytes)
    if (!answer.ok) expect(answer.reason).not.toBe('')
  })
})

import { describe, expect, it } from 'vitest'
import {
  answersPcpMap,
  decodePcpMap,
  encodePcpAnnounce,
  encodePcpMap,
  type PcpMapRequest,
  speaksPcp,
} from '../../../../src/core/port-mapping/pcp.ts'
import { fc, test } from '../../../support/property.ts'

const REQUEST: PcpMapRequest = {
  protocol: 'tcp',
  internalPort: 1194,
  externalPort: 40000,
  leaseSeconds: 600,
  clientAddress: '192.168.1.2',
  nonce: Buffer.from('000102030405060708090a0b', 'hex'),
}

/** What a gateway makes of a request: the same with another header, and what it decided. */
function answerTo(
  request: PcpMapRequest,
  {
    result = 0,
    externalPort = request.externalPort,
    externalAddress = '00000000000000000000ffffcb007107',
  } = {},
): Buffer {
  const bytes = Buffer.from(encodePcpMap(request))
  bytes[1] = 0x81
  bytes.fill(0, 2, 24)
  bytes[3] = result
  bytes.writeUInt32BE(request.leaseSeconds, 4)
  bytes.writeUInt16BE(externalPort, 42)
  bytes.set(Buffer.from(externalAddress, 'hex'), 44)
  return bytes
}

describe('PCP', () => {
  it('asks for a mapping as RFC 6887 draws it', () => {
    expect(Buffer.from(encodePcpMap(REQUEST)).toString('hex')).toBe(
      [
        '02010000', // version 2, MAP
        '00000258', // 600 s
        '00000000000000000000ffffc0a80102', // client
        '000102030405060708090a0b', // nonce
        '06000000', // TCP
        '04aa9c40', // 1194, 40000
        '00000000000000000000ffff00000000', // any external IPv4 address
      ].join(''),
    )
  })

  it('asks whether the gateway is there', () => {
    const bytes = Buffer.from(encodePcpAnnounce('10.0.0.1'))
    expect(bytes.toString('hex')).toBe('020000000000000000000000000000000000ffff0a000001')
    expect(speaksPcp(Buffer.of(2, 0x80, 0, 0))).toBe(true)
    expect(speaksPcp(Buffer.of(0, 0x80, 0, 1)), 'a gateway with only NAT-PMP').toBe(false)
    expect(speaksPcp(bytes), 'our own request').toBeUndefined()
  })

  it('reads what the gateway gave', () => {
    const answer = decodePcpMap(answerTo(REQUEST, { externalPort: 40001 }))
    expect(answer).toMatchObject({
      ok: true,
      value: {
        internalPort: 1194,
        outcome: { kind: 'mapped', externalPort: 40001, externalAddress: '203.0.113.7', leaseSeconds: 600 },
      },
    })
  })

  it.each([
    [2, { kind: 'refused', reason: 'not authorized' }],
    [7, { kind: 'behind-nat', address: undefined }],
    [11, { kind: 'taken' }],
    [99, { kind: 'unable', reason: 'PCP result 99' }],
  ])('reads result %i', (result, trouble) => {
    expect(decodePcpMap(answerTo(REQUEST, { result }))).toMatchObject({
      ok: true,
      value: { outcome: { kind: 'trouble', trouble } },
    })
  })

  it('knows a gateway that has only another version', () => {
    expect(decodePcpMap(Buffer.of(0, 0x81, 0, 1, 0, 0, 0, 0))).toEqual({ ok: true, value: 'other-version' })
  })

  it('does not take an external IPv6 address', () => {
    expect(decodePcpMap(answerTo(REQUEST, { externalAddress: '20010db8000000000000000000000001' })).ok).toBe(
      false,
    )
  })

  it('does not take the answer to another question', () => {
    const answer = decodePcpMap(answerTo(REQUEST))
    if (!answer.ok || answer.value === 'other-version') throw new Error('no answer')
    expect(answersPcpMap(answer.value, REQUEST)).toBe(true)
    expect(answersPcpMap(answer.value, { ...REQUEST, internalPort: 1195 })).toBe(false)
    expect(answersPcpMap(answer.value, { ...REQUEST, protocol: 'udp' })).toBe(false)
    expect(answersPcpMap(answer.value, { ...REQUEST, nonce: Buffer.alloc(12) })).toBe(false)
  })

  test('takes bytes for an answer only when they are one', fc.uint8Array({ maxLength: 1200 }), (bytes) => {
    const answer = decodePcpMap(bytes)
    if (!answer.ok) {
      expect(answer.reason).not.toBe('')
      return
    }
    expect(speaksPcp(bytes)).toBe(answer.value !== 'other-version')
    expect(bytes.length >= (answer.value === 'other-version' ? 4 : 60)).toBe(true)
  })

  test('reads every mapping that there can be', fc.nat(0xffff), fc.nat(0xffffffff), (port, leaseSeconds) => {
    const answer = decodePcpMap(answerTo({ ...REQUEST, leaseSeconds }, { externalPort: port }))
    if (!answer.ok || answer.value === 'other-version') throw new Error('no answer')
    expect(answer.value.outcome).toEqual({
      kind: 'mapped',
      externalPort: port,
      externalAddress: '203.0.113.7',
      leaseSeconds,
    })
  })

  test(
    'does not take what was changed for the answer to our request',
    fc.nat(59),
    fc.nat(255),
    (at, value) => {
      const bytes = answerTo(REQUEST)
      const isChanged = bytes[at] !== value
      bytes[at] = value
      expect(decodePcpMap(bytes.subarray(0, at)).ok && at >= 4, 'cut off').toBe(false)
      const answer = decodePcpMap(bytes)
      if (!answer.ok || answer.value === 'other-version' || !isChanged) return
      // Of version, opcode, nonce, protocol and port, each makes it an answer to something else.
      const isOurs = (at >= 2 && at < 24) || (at >= 37 && at < 40) || at >= 42
      expect(answersPcpMap(answer.value, REQUEST)).toBe(isOurs)
    },
  )
})

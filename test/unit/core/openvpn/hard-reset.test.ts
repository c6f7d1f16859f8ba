import { describe, expect, it } from 'vitest'
import { hardReset, isHardResetAnswer } from '../../../../src/core/openvpn/hard-reset.ts'
import { fc, test } from '../../../support/property.ts'

const sessionId = Buffer.from('0102030405060708', 'hex')

describe('the first packet to an OpenVPN server', () => {
  it('has its length in front over TCP', () => {
    expect(hardReset(sessionId, { isStream: false }).toString('hex')).toBe('3801020304050607080000000000')
    expect(hardReset(sessionId, { isStream: true }).toString('hex')).toBe('000e3801020304050607080000000000')
  })

  it('is answered by a reset of the server, and by nothing else', () => {
    const answer = Buffer.from('40aabbccddeeff00110100000000010203040506070800000000', 'hex')
    expect(isHardResetAnswer(answer, { isStream: false })).toBe(true)
    expect(isHardResetAnswer(Buffer.concat([Buffer.of(0, 26), answer]), { isStream: true })).toBe(true)
    expect(isHardResetAnswer(Buffer.from('HTTP/1.1 400'), { isStream: true })).toBe(false)
    expect(isHardResetAnswer(Buffer.from('SSH-2.0'), { isStream: true })).toBe(false)
  })

  test(
    'arbitrary bytes are an answer or not',
    fc.uint8Array({ maxLength: 30 }),
    fc.boolean(),
    (bytes, isStream) => {
      expect(typeof isHardResetAnswer(bytes, { isStream })).toBe('boolean')
    },
  )
})

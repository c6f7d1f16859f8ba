import { describe, expect, it } from 'vitest'
import { type DialResult, formatDialResults, parseDialResults } from '../../../../src/core/session/dial.ts'
import { fc, test } from '../../../support/property.ts'

const address = fc
  .tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }), fc.constantFrom('tcp', 'udp'))
  .map(String)
const result: fc.Arbitrary<DialResult> = fc.oneof(
  address.map((one) => ({ address: one, reached: true, reason: undefined })),
  fc
    .tuple(address, fc.constantFrom('no answer', 'connection refused', 'EHOSTUNREACH'))
    .map(([one, reason]) => ({ address: one, reached: false, reason })),
)

describe('results of trying addresses', () => {
  test('are read as they were written', fc.array(result, { maxLength: 5 }), (results) => {
    expect(parseDialResults(formatDialResults(results))).toEqual(results)
  })

  test(
    'arbitrary text gives results of addresses, fit for a terminal',
    fc.string({ unit: 'binary' }),
    (text) => {
      for (const { reason } of parseDialResults(text)) expect(reason ?? '').toMatch(/^[\x20-\x7e]{0,100}$/)
    },
  )

  it('what is no result is left out', () => {
    expect(parseDialResults('nonsense\n203.0.113.3,1194,tcp \u001b[31mred\n\n203.0.113.3,1194')).toEqual([
      { address: '203.0.113.3,1194,tcp', reached: false, reason: '?[31mred' },
    ])
  })
})

import { describe, expect, it } from 'vitest'
import {
  type DialResult,
  dialableAddresses,
  formatDialResults,
  parseDialResults,
} from '../../../../src/core/session/dial.ts'
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

describe('addresses that are tried for another node', () => {
  it.each([
    ['203.0.113.3', true],
    ['2001:db8::1', true],
    ['re6st.example.com', false],
    ['127.0.0.1', false],
    ['0.0.0.0', false],
    ['192.0.0.2', false],
    ['198.18.0.1', false],
    ['64:ff9b::a00:1', false],
    ['2002:a00:1::1', false],
    ['10.0.0.1', false],
    ['192.168.1.1', false],
    ['169.254.1.1', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['::', false],
    ['::1', false],
    ['fe80::1', false],
    ['fd00::1', false],
    ['ff02::1', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:10.0.0.1', false],
    ['::ffff:0.0.0.0', false],
  ])('%s: %s', (host, isTried) => {
    expect(dialableAddresses(`${host},1194,${host.includes(':') ? 'tcp6' : 'tcp'}`)).toHaveLength(
      isTried ? 1 : 0,
    )
  })

  it('are few', () => {
    const list = Array.from({ length: 20 }, (_, index) => `203.0.113.${index + 1},1194,tcp`).join(';')
    expect(dialableAddresses(list)).toHaveLength(4)
  })
})

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

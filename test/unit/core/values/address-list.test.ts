import { describe, expect, it } from 'vitest'
import {
  addressAnswer,
  formatAddressList,
  mergeAnnounced,
  type PeerAddress,
  parseAddressList,
  preferWorking,
  TUNNEL_PROTOCOLS,
  whichOf,
} from '../../../../src/core/values/address-list.ts'
import { fc, test } from '../../../support/property.ts'
import { vectors } from '../../../support/vectors.ts'

interface Recorded {
  text: string
  parsed: string[][] | null
}
const recorded = vectors<{
  cases: Recorded[]
  more: Recorded[]
  cache_order: { known: string | null; new: string; set_preferred: boolean; result: string }[]
  answer: { addresses: string[]; peer_protocol: number | null; answer: string }[]
  protocols: Record<string, { family: string; transport: string }>
}>('addresses.json')

/** Recorded entries with which OpenVPN could never make a connection: no host, port or protocol that it knows. */
const NEVER_WORK = new Set([
  '1.2.3.4,1194',
  '1.2.3.4,-5,udp',
  '1.2.3.4,0,udp',
  '1.2.3.4,99999,udp',
  ',1,udp',
  '::1,1_0,udp6',
  '1.2.3.4,٣,udp',
  '1.2.3.4,1194,icmp',
  '1.2.3.4,1194,UDP',
  '[::1],1194,udp6',
])

const format = (addresses: readonly PeerAddress[]) => formatAddressList(addresses, { withCountry: true })
const list = (text: string) => parseAddressList(text).addresses

describe('as recorded', () => {
  it.each([...recorded.cases, ...recorded.more])('"$text"', ({ text, parsed }) => {
    const expected = (
      parsed ?? [
        ['1.2.3.4', '1194', 'udp'],
        ['5.6.7.8', '1194', 'tcp'],
      ]
    )
      .filter((entry) => !NEVER_WORK.has(entry.join(',')))
      .map(([host = '', port = '', protocol = '', country = '']) => ({
        host: host.trim(),
        port: Number(port),
        protocol: protocol.trim().replace('4', ''),
        country: country === '' ? undefined : country,
      }))
    expect(list(text)).toEqual(expected)
  })

  it.each(recorded.cache_order)(
    '$known, then $new: $result',
    ({ known, new: announced, set_preferred, result }) => {
      const before = list(known ?? '')
      const [worked] = list(announced)
      const kept =
        set_preferred && worked ? preferWorking(before, worked) : mergeAnnounced(before, list(announced))
      expect(format(kept)).toBe(result)
    },
  )

  it.each(recorded.answer)('answer to protocol $peer_protocol', ({ addresses, peer_protocol, answer }) => {
    expect(addressAnswer(list(addresses.join(';')), peer_protocol ?? undefined)).toBe(answer)
  })

  it.each(Object.entries(recorded.protocols))('protocol %s', (name, { family, transport }) => {
    const [address] = list(`h,1,${name}`)
    expect(address?.protocol).toBe(`${transport}${family === 'IPv6' ? '6' : ''}`)
  })
})

it('of an endless list the first 32 addresses are taken', () => {
  const { addresses, skipped } = parseAddressList('192.0.2.1,1194,udp;'.repeat(10_000))
  expect([addresses.length, skipped.length]).toEqual([32, 0])
})

describe('properties', () => {
  test(
    'what is written is read back',
    fc.array(
      fc.record({
        host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
        port: fc.integer({ min: 1, max: 65535 }),
        protocol: fc.constantFrom(...TUNNEL_PROTOCOLS),
        country: fc.constantFrom('FR', 'DE', undefined),
      }),
    ),
    (addresses) => {
      expect(parseAddressList(format(addresses))).toEqual({ addresses, skipped: [] })
    },
  )

  test(
    'arbitrary text: every entry is kept or named',
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    (text) => {
      const { addresses, skipped } = parseAddressList(text)
      expect(addresses.length + skipped.length).toBe(
        text.split(';').filter((entry) => entry.trim() !== '').length,
      )
    },
  )
})

describe('which address has answered', () => {
  const [tcp, udp, named, other] = list(
    '192.0.2.1,1194,tcp;192.0.2.1,1194,udp;node.example,1194,tcp;192.0.2.2,1194,tcp',
  )
  const all = [tcp, udp, named, other] as PeerAddress[]

  it.each([
    ['192.0.2.1', 'udp', udp],
    ['192.0.2.2', 'tcp', other],
    // Only the name can be meant.
    ['192.0.2.9', 'tcp', named],
    ['192.0.2.9', 'udp', undefined],
  ] as const)('%s over %s', (host, protocol, expected) => {
    expect(whichOf(all, { host, port: 1194, protocol })).toBe(expected)
    expect(whichOf(all, { host, port: 1195, protocol })).toBeUndefined()
  })
})

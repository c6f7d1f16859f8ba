import { isIPv4 } from 'node:net'
import { describe, expect, it } from 'vitest'
import { reachableAddress } from '../../../../src/core/port-mapping/external-address.ts'
import { externalPortsToTry, isInRandomRange } from '../../../../src/core/port-mapping/mapping.ts'
import { describeTroubles } from '../../../../src/core/port-mapping/trouble.ts'
import { isPublic } from '../../../../src/core/values/address-kind.ts'
import { fc, test } from '../../../support/property.ts'
import { seededRandom } from '../../../support/random.ts'

describe('the external ports to try', () => {
  test(
    'are 15: those before, our own, then random ones from 32768 to 49151, none twice',
    fc.nat(),
    (seed) => {
      const ports = [...externalPortsToTry(1194, [40000, 1194], seededRandom(seed))]
      expect(ports).toHaveLength(15)
      expect(new Set(ports).size).toBe(15)
      expect(ports.slice(0, 2)).toEqual([40000, 1194])
      for (const port of ports.slice(2)) expect(port >= 32768 && port <= 49151, `${port}`).toBe(true)
      expect(ports.slice(2).every(isInRandomRange)).toBe(true)
    },
  )

  it('begin with our own', () => {
    expect(externalPortsToTry(443, [], seededRandom(1)).next().value).toBe(443)
  })
})

describe('the address of a gateway', () => {
  it.each(['203.0.113.7', '20.0.0.1', '100.63.255.255', '172.32.0.1'])('%s can be reached', (address) => {
    expect(reachableAddress(address)).toEqual({ ok: true, value: address })
  })

  it.each(['10.1.2.3', '172.16.0.1', '192.168.0.1', '100.64.0.1', '100.127.255.255', '169.254.1.1'])(
    '%s is behind NAT',
    (address) => {
      expect(reachableAddress(address)).toEqual({ ok: false, trouble: { kind: 'behind-nat', address } })
    },
  )

  it.each(['', '0.0.0.0', 'nonsense', '2001:db8::1', '1.2.3'])('%j is none', (address) => {
    expect(reachableAddress(address)).toEqual({
      ok: false,
      trouble: { kind: 'behind-nat', address: undefined },
    })
  })
})

test('the address of a gateway is an IPv4 address or none', fc.oneof(fc.ipV4(), fc.string()), (text) => {
  const answer = reachableAddress(text)
  if (answer.ok) {
    expect([answer.value, isIPv4(text) && isPublic(text)]).toEqual([text, true])
    return
  }
  expect(answer.trouble.kind).toBe('behind-nat')
})

describe('what the user reads', () => {
  const listeners = [
    { protocol: 'tcp', internalPort: 1194 },
    { protocol: 'udp', internalPort: 1195 },
  ] as const

  it('is the most telling of what all methods said, with what to do', () => {
    expect(
      describeTroubles(
        [
          { method: 'pcp', trouble: { kind: 'silent' } },
          { method: 'upnp', trouble: { kind: 'refused', reason: 'not authorized, error 606' } },
        ],
        listeners,
      ).text,
    ).toBe(
      'the gateway refuses to forward ports (UPnP: not authorized, error 606): allow it there, or forward tcp port 1194 and udp port 1195 to this machine in its settings, and use --ip any',
    )
  })

  it('says when nobody can help but the provider', () => {
    const trouble = { kind: 'behind-nat', address: '100.64.1.2' } as const
    expect(describeTroubles([{ method: 'pcp', trouble }], listeners).text).toMatch(
      /^the gateway is itself behind NAT \(its address outside is 100\.64\.1\.2\): .*provider/,
    )
  })

  it('says when there is no gateway', () => {
    expect(describeTroubles([], listeners).text).toBe('there is no IPv4 gateway that could forward ports')
  })
})

import { describe, expect, it } from 'vitest'
import { OwnAddresses } from '../../../../src/core/tunnels/own-addresses.ts'
import { formatAddressList } from '../../../../src/core/values/address-list.ts'
import { fc, test } from '../../../support/property.ts'

const LISTENERS = [
  { protocol: 'tcp', port: 1194 },
  { protocol: 'tcp6', port: 1195 },
] as const

const advertised = (addresses: OwnAddresses): string =>
  formatAddressList(
    addresses.advertised(LISTENERS, () => undefined),
    { withCountry: true },
  )

describe('own addresses', () => {
  it('are learnt for each family, and given ones are not', () => {
    const learnt = new OwnAddresses([])
    expect(advertised(learnt)).toBe('')
    expect(learnt.seen('re6stnet1', '203.0.113.7')).toBe(true)
    expect(learnt.seen('re6stnet2', '2001:db8::7')).toBe(true)
    expect(learnt.seen('re6stnet3', '203.0.113.7')).toBe(false)
    expect(advertised(learnt)).toBe('203.0.113.7,1194,tcp;2001:db8::7,1195,tcp6')

    const given = new OwnAddresses(['198.51.100.1', '198.51.100.2'])
    given.seen('re6stnet1', '203.0.113.7')
    given.seen('re6stnet2', '2001:db8::7')
    expect(advertised(given)).toBe('198.51.100.1,1194,tcp;198.51.100.2,1194,tcp;2001:db8::7,1195,tcp6')
  })

  it('that have changed are advertised as soon as one server sees the new one, and alone when no other is seen', () => {
    const addresses = new OwnAddresses([])
    for (const tunnel of ['1', '2', '3']) addresses.seen(tunnel, '203.0.113.7')
    addresses.tunnelDown('1')
    addresses.seen('1', '203.0.113.8')
    expect(advertised(addresses)).toBe('203.0.113.7,1194,tcp;203.0.113.8,1194,tcp')
    addresses.tunnelDown('2')
    expect(advertised(addresses)).toBe('203.0.113.8,1194,tcp;203.0.113.7,1194,tcp')
    addresses.tunnelDown('3')
    expect(advertised(addresses)).toBe('203.0.113.8,1194,tcp')
  })

  it('are the last ones seen while no tunnel is up', () => {
    const addresses = new OwnAddresses([])
    addresses.remember(['203.0.113.1', 'gateway.example.com'])
    expect(advertised(addresses)).toBe('203.0.113.1,1194,tcp')
    addresses.seen('1', '203.0.113.7')
    expect(addresses.tunnelDown('1')).toBe(false)
    expect(advertised(addresses)).toBe('203.0.113.7,1194,tcp')
    expect(addresses.tunnelDown('1')).toBe(false)
  })

  it('are those of the machine as long as nobody has told, and not those that it has lost', () => {
    const addresses = new OwnAddresses([])
    addresses.remember(['203.0.113.1'])
    expect(addresses.assume(['192.168.1.2', '203.0.113.7', 'fe80::1', 'fd00::1', '2001:db8::7'])).toBe(true)
    expect(advertised(addresses)).toBe('203.0.113.7,1194,tcp;2001:db8::7,1195,tcp6')
    addresses.seen('1', '203.0.113.7')
    expect(addresses.assume(['203.0.113.8', '2001:db8::7'])).toBe(true)
    expect(advertised(addresses)).toBe('203.0.113.8,1194,tcp;2001:db8::7,1195,tcp6')
    expect(addresses.assume(['203.0.113.8', '2001:db8::7'])).toBe(false)
  })

  it('of the registry count also when they are private: all of the network may be there', () => {
    const addresses = new OwnAddresses([])
    expect(addresses.assume(['192.168.1.2'], ['127.0.1.1', '192.168.1.2', 'fd00::1'])).toBe(true)
    expect(advertised(addresses)).toBe('192.168.1.2,1194,tcp')
    expect(addresses.assume(['192.168.1.2', '203.0.113.7'], ['192.168.1.2'])).toBe(true)
    expect(advertised(addresses)).toBe('203.0.113.7,1194,tcp')
    expect(addresses.assume(['192.168.1.2'], ['127.0.1.1'])).toBe(true)
    expect(advertised(addresses)).toBe('')
  })

  it('that mean nothing elsewhere count only where there is no other', () => {
    const addresses = new OwnAddresses([])
    addresses.seen('1', '192.168.1.2')
    expect(advertised(addresses)).toBe('192.168.1.2,1194,tcp')
    expect(addresses.seen('2', 'fd00::1')).toBe(false)
    addresses.seen('3', '203.0.113.7')
    expect(advertised(addresses)).toBe('203.0.113.7,1194,tcp')
  })

  it('over IPv4 are what the gateway forwards, if it does', () => {
    const addresses = new OwnAddresses([], true)
    addresses.seen('1', '203.0.113.7')
    expect(advertised(addresses)).toBe('')
    const ports = [{ protocol: 'tcp', internalPort: 1194, externalPort: 40_000 }] as const
    expect(addresses.setForwarded({ externalAddress: '203.0.113.9', ports })).toBe(true)
    expect(advertised(addresses)).toBe('203.0.113.9,40000,tcp')
    expect(addresses.hosts).toContain('203.0.113.9')
    expect(addresses.setForwarded(undefined)).toBe(true)
    expect(advertised(addresses)).toBe('')
  })

  it('are those that peers see, with the ports of the gateway, where it does not know its own', () => {
    const addresses = new OwnAddresses([])
    const ports = [{ protocol: 'tcp', internalPort: 1194, externalPort: 40_000 }] as const
    expect(addresses.setForwarded({ externalAddress: undefined, ports })).toBe(true)
    expect(advertised(addresses)).toBe('')
    expect(addresses.seen('1', '203.0.113.7')).toBe(true)
    expect(advertised(addresses)).toBe('203.0.113.7,40000,tcp')
    expect([addresses.hosts, addresses.isForwarded]).toEqual([['203.0.113.7'], false])
  })

  const event = fc.record({
    tunnel: fc.constantFrom('1', '2', '3', '4'),
    address: fc.option(fc.constantFrom('203.0.113.1', '203.0.113.2', '203.0.113.3', '10.0.0.1', 'name', '')),
  })
  test(
    'are at most two, and always those that a live tunnel sees, if there is one',
    fc.array(event),
    (events) => {
      const addresses = new OwnAddresses([])
      const live = new Map<string, string>()
      for (const { tunnel, address } of events) {
        if (address === null) {
          addresses.tunnelDown(tunnel)
          live.delete(tunnel)
        } else {
          addresses.seen(tunnel, address)
          if (/^\d/.test(address)) live.set(tunnel, address)
        }
        const { hosts } = addresses
        expect(hosts.length).toBeLessThanOrEqual(2)
        if (live.size > 0) for (const host of hosts) expect([...live.values()]).toContain(host)
      }
    },
  )
})

it('addresses at which nobody outside can reach this machine are not advertised, whoever says them', () => {
  const addresses = new OwnAddresses([])
  const special = [
    ...['192.0.0.4', '198.18.0.1', '240.0.0.1', '169.254.7.7', '255.255.255.255', '192.88.99.1'],
    ...['200:1234::1', 'fec0::1', '64:ff9b::c000:201', '2002:c0a8:105::1', '2001:0:1::1', '100::1'],
  ]
  expect(addresses.assume(special, special)).toBe(false)
  for (const address of special) expect(addresses.seen('re6stnet1', address), address).toBe(false)
  expect(advertised(addresses)).toBe('')
})

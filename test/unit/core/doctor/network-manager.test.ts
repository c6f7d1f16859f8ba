import { describe, expect, it } from 'vitest'
import { judgeNetworkManager, readConnectionProfile } from '../../../../src/core/doctor/network-manager.ts'
import { fc, test } from '../../../support/property.ts'

const profile = (connection: string, ipv6: string) =>
  readConnectionProfile('x.nmconnection', `[connection]\nid=cable\n${connection}\n\n[ipv6]\n${ipv6}\n`)
const MAC_ADDRESS = '02:00:00:00:00:03'
const card = (name: string) => ({ name, macAddress: MAC_ADDRESS, type: undefined })
const codes = (connection: string, ipv6: string, interfaces: readonly string[]) =>
  judgeNetworkManager([profile(connection, ipv6)], interfaces.map(card)).map(({ code }) => code)

describe('a profile of NetworkManager', () => {
  it('is read by section; comments and unknown lines are passed over, the last value counts', () => {
    const text =
      '# method=disabled\n[connection]\nid=my cable\ninterface-name = eth0\ntype=ethernet\n[ipv4]\nmethod=auto\nnonsense\n[ipv6]\nmethod=auto\nmethod=ignore\n'
    expect(readConnectionProfile('f', text)).toEqual({
      file: 'f',
      name: 'my cable',
      iface: 'eth0',
      type: 'ethernet',
      macAddress: undefined,
      matches: [],
      ipv6Method: 'ignore',
    })
    expect(readConnectionProfile('f', '')).toMatchObject({ name: 'f', iface: undefined })
  })

  it('is wrong if it takes IPv6 from an interface that the node uses', () => {
    expect(codes('interface-name=eth0', 'method=disabled', ['lo', 'eth0'])).toEqual(['network-manager'])
    expect(codes('interface-name=eth0', 'method=ignore', ['eth0'])).toEqual(['network-manager'])
    expect(codes('type=ethernet', 'method=disabled', ['eth0'])).toEqual(['network-manager'])
  })

  it('is of no interest otherwise', () => {
    expect(codes('interface-name=eth0', 'method=disabled', ['lo'])).toEqual([])
    expect(codes('interface-name=eth0', 'method=auto', ['eth0'])).toEqual([])
    expect(codes('interface-name=eth0', '', ['eth0'])).toEqual([])
  })

  it.each([
    'type=wifi\n[wifi]\nssid=x',
    'type=vpn\nautoconnect=false',
    'type=wireguard',
    'type=loopback',
    'type=ethernet\n[match]\ninterface-name=wlan*;',
    'type=ethernet\n[match]\ninterface-name=!eth*;',
    'type=ethernet\n[ethernet]\nmac-address=02:00:00:00:00:99',
  ])('is of no interest if it is for another device: %j', (connection) => {
    expect(codes(connection, 'method=disabled', ['eth0'])).toEqual([])
  })

  it.each([
    'type=ethernet\n[match]\ninterface-name=eth?;',
    `type=ethernet\n[ethernet]\nmac-address=${MAC_ADDRESS}`,
  ])('is wrong if it is for this device: %j', (connection) => {
    expect(codes(connection, 'method=disabled', ['eth0'])).toEqual(['network-manager'])
  })

  it('is wrong if it takes over tunnels', () => {
    expect(codes('interface-name=re6stnet1', 'method=auto', ['lo'])).toEqual(['network-manager'])
    expect(codes('type=tun', 'method=auto', ['lo'])).toEqual(['network-manager'])
  })

  test('is read or judged, whatever its text is', fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
    const read = readConnectionProfile('f', text)
    expect(read.file).toBe('f')
    expect(judgeNetworkManager([read], [card('eth0')])).toBeInstanceOf(Array)
  })
})

import { describe, expect, it } from 'vitest'
import { addressKind, mayBeDialled } from '../../../../src/core/values/address-kind.ts'
import { fc, test } from '../../../support/property.ts'

describe('an address', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['203.0.113.7', 'public'],
    ['2a01:e0a::1', 'public'],
    ['2001:db8::1', 'public'],
    ['10.1.2.3', 'private'],
    ['100.64.0.1', 'private'],
    ['172.31.0.1', 'private'],
    ['fd00::1', 'private'],
    ['127.0.0.1', 'special'],
    ['192.0.0.4', 'special'],
    ['198.19.0.1', 'special'],
    ['240.0.0.1', 'special'],
    ['::', 'special'],
    ['::1', 'special'],
    ['::ffff:8.8.8.8', 'special'],
    ['::ffff:10.0.0.1', 'special'],
    ['64:ff9b::808:808', 'special'],
    ['200::1', 'special'],
    ['fe80::1', 'special'],
    ['ff02::1', 'special'],
    ['re6st.example.com', undefined],
    ['', undefined],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind)
  })
})

describe('what another says is dialled', () => {
  const own = ['192.168.1.2', '203.0.113.9', 'fd00:1:2:3::1', 'fe80::1']
  it.each([
    ['203.0.113.7', true],
    ['203.0.113.9', false],
    ['192.168.7.7', true],
    ['192.168.1.2', false],
    ['10.0.0.1', false],
    ['172.16.0.1', false],
    ['fd00:1:2:4::1', true],
    ['fd00:9:9::1', false],
    ['169.254.169.254', false],
    ['127.0.0.1', false],
    ['peer.example.com', false],
  ])('%s: %s', (address, isDialled) => {
    expect(mayBeDialled(address, own)).toBe(isDialled)
  })

  test('never at this machine, on the link, or at many at once', fc.ipV4(), fc.ipV6(), (ipv4, ipv6) => {
    for (const address of [ipv4, ipv6])
      if (addressKind(address) === 'special') expect(mayBeDialled(address, own)).toBe(false)
  })
})

import { describe, expect, it } from 'vitest'
import { nodeNamed, readNodeName } from '../../../../src/core/routes/named-node.ts'
import { networkOfBits, prefixOfBits, subnetNameOf } from '../../../../src/core/values/prefix.ts'
import { fc, test } from '../../../support/property.ts'

/** 2001:db8:42::/48 */
const NETWORK = networkOfBits('001000000000000100001101101110000000000001000010')
const FIVE = prefixOfBits('0000000000000101')
const OWN = { prefix: prefixOfBits('0000000000000111'), subnets: ['10.42.7.0/24'] }
const ROUTES = [
  { prefix: '2001:db8:42:5::/64', routerId: 'five' },
  { prefix: '2001:db8:42:6000::/51', routerId: 'wide' },
  { prefix: '10.42.5.0/24', routerId: 'five' },
  { prefix: '::/0', routerId: 'gateway' },
  { prefix: '0.0.0.0/0', routerId: 'gateway' },
]

const named = (text: string) => {
  const name = readNodeName(text)
  if (!name.ok) return name.reason
  const node = nodeNamed(name.value, NETWORK, OWN, ROUTES)
  return node.ok ? subnetNameOf(node.value) : node.reason
}

describe('a node', () => {
  it.each([
    ['5/16', '5/16'],
    ['9/16', '9/16'],
    ['2001:db8:42:5::/64', subnetNameOf(FIVE)],
    ['2001:DB8:42:5:0::1', '5/16'],
    ['2001:db8:42:7:1::9', '7/16'],
    ['2001:db8:42:6123::1', '3/3'],
    ['10.42.5.77', '5/16'],
    ['10.42.5.0/24', '5/16'],
    ['10.42.7.1', '7/16'],
  ])('named %s is %s', (text, name) => {
    expect(named(text)).toBe(name)
  })

  it.each([
    ['five', 'names no node'],
    ['', 'names no node'],
    ['5', 'names no node'],
    ['5/16/3', 'names no node'],
    ['2001:db8:42:5::/64/1', 'names no node'],
    ['fe80::1%eth0', 'names no node'],
    ['70000/16', 'the number does not fit the length'],
    ['2001:db8:43::1', 'outside the network'],
    ['2001:db8:42::/48', 'is the whole network'],
    ['2001:db8::/32', 'outside the network'],
    ['2001:db8:42:9::1', 'there is no route to'],
    ['10.42.9.1', 'there is no route to'],
    ['192.0.2.1', 'there is no route to'],
  ])('cannot be named %j', (text, reason) => {
    expect(named(text)).toContain(reason)
  })
})

test('whatever is written, it is a node or a reason', fc.string(), (text) => {
  expect(typeof named(text)).toBe('string')
})

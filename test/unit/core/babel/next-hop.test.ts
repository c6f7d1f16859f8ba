import { expect, it } from 'vitest'
import { isNextHop } from '../../../../src/core/babel/next-hop.ts'

const OWN = ['fe80::1', '192.0.2.1']

it.each(['fe80::2', 'fe80::1:1', '2001:db8::2', '192.0.2.2', '10.0.0.1', '169.254.0.1', '223.0.0.1'])(
  'one to send to: %s',
  (address) => expect(isNextHop(address, OWN)).toBe(true),
)

it.each([
  '::',
  '::1',
  'ff02::1:6',
  'ff0e::1',
  '0.0.0.0',
  '127.0.0.1',
  '224.0.0.1',
  '255.255.255.255',
  ...OWN,
])('none: %s', (address) => expect(isNextHop(address, OWN)).toBe(false))

it('an address that we do not have is none of ours', () => {
  expect(isNextHop('192.0.2.1', ['fe80::1', undefined])).toBe(true)
})

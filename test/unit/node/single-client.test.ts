import { expect, it } from 'vitest'
import { parseAddressList } from '../../../src/core/values/address-list.ts'
import { usableRemotes } from '../../../src/node/single-client.ts'

it('--client leaves out remotes over IPv6 where there are no tunnels over it, and says so if none is left', () => {
  const { addresses } = parseAddressList('2001:db8::1,1194,tcp6;203.0.113.1,1194,tcp')
  expect(usableRemotes(addresses, true)).toEqual(addresses)
  expect(usableRemotes(addresses, false)).toEqual(addresses.slice(1))
  expect(() => usableRemotes(addresses.slice(0, 1), false)).toThrow(
    /^--client: .*add a remote with tcp or udp$/,
  )
})

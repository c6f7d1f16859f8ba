import { expect, it } from 'vitest'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { Revocation } from '../../../src/node/revocation.ts'

const [WITH_TUNNEL, WITH_SESSION, GOOD] = ['00', '01', '10'].map(prefixOfBits)

it('whoever has a tunnel or a session with a revoked certificate loses it, and its place in the cache', () => {
  const crl = new Set([5n, 6n])
  const did: unknown[] = []
  const revocation = new Revocation({
    keeper: { config: { crl } } as never,
    cache: { forget: (prefix) => did.push(['forget', prefix]) },
    ownSerial: () => 7n,
  })
  const parts = {
    messages: {
      setRevoked: (serials: ReadonlySet<bigint>) => {
        did.push(['sessions', serials])
        return WITH_SESSION === undefined ? [] : [WITH_SESSION]
      },
    },
    tunnels: {
      endRevoked: () => void did.push('tunnels'),
      list: () => [
        { prefix: WITH_TUNNEL, serial: 5n },
        { prefix: GOOD, serial: 4n },
        { prefix: undefined, serial: undefined },
      ],
    },
    onOwn: () => void did.push('own'),
  }
  revocation.end(parts)
  expect(did).toEqual([['sessions', crl], ['forget', WITH_TUNNEL], ['forget', WITH_SESSION], 'tunnels'])
  crl.add(7n)
  did.length = 0
  revocation.end(parts)
  expect(did.at(-1)).toBe('own')
})

import { describe, expect, test } from 'vitest'
import { computeMac } from '../../../../../src/core/babel/mac/algorithms.ts'
import { Authenticator } from '../../../../../src/core/babel/mac/authenticator.ts'
import type { MacKey } from '../../../../../src/core/babel/mac/keys.ts'
import { conversations } from '../../../../support/babel-conversations.ts'

const signed = conversations.filter(({ keys }) => keys.length > 0)

/** One that has heard nothing yet: whose MAC is right, it challenges. */
const judge = (accept: readonly MacKey[], packet: Uint8Array, from: string, to: string) =>
  new Authenticator({
    address: to,
    keys: { sign: [], accept },
    compute: computeMac,
    randomBytes: (count) => new Uint8Array(count),
  }).receive(0, packet, from, to)

test('MACs of both kinds were recorded, of both daemons', () => {
  const kinds = signed.flatMap(({ keys, routers }) =>
    keys.flatMap(({ algorithm }) => routers.map((router) => `${router} ${algorithm}`)),
  )
  expect([...new Set(kinds)].toSorted()).toEqual([
    'babeld blake2s128',
    'babeld hmac-sha256',
    'bird blake2s128',
    'bird hmac-sha256',
  ])
})

describe.each(signed)('$name', ({ keys, packets }) => {
  test.each(keys)('all MACs of $algorithm are right', (key) => {
    for (const { octets, from, to } of packets)
      expect(judge([key], octets, from, to)).toMatchObject({
        reason: 'not fresh until it answers a challenge',
        replies: expect.arrayContaining([expect.objectContaining({ kind: 'challenge-request' })]),
      })
  })

  test('and wrong with another key, or for another receiver', () => {
    for (const { octets, from, to } of packets.slice(0, 10)) {
      const others = keys.map(({ algorithm }) => ({ algorithm, key: new Uint8Array(16).fill(9) }))
      expect(judge(others, octets, from, to)).toMatchObject({ reason: 'wrong MAC' })
      expect(judge(keys, octets, from, 'fe80::1')).toMatchObject({ reason: 'wrong MAC' })
    }
  })
})

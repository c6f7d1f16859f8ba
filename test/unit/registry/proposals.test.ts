import { expect, it } from 'vitest'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { Proposals } from '../../../src/registry/proposals.ts'

it('whom a node was told of last is known of ten thousand nodes, those that asked last', async () => {
  const [one, other] = ['0001', '0010'].map((bits) => ({ prefix: prefixOfBits(bits), addresses: [] }))
  if (!one || !other) throw new Error('no peers')
  const proposals = new Proposals({
    localNode: { ask: async () => undefined },
    known: { list: () => [one, other], learn: () => {} },
    nodes: async () => [],
    random: { next: () => 0 },
  })
  const toldTo = async (caller: string) => (await proposals.propose(caller))?.prefix
  expect([await toldTo('a'), await toldTo('a')]).toEqual([one.prefix, other.prefix])
  for (let caller = 1; caller < 10_000; caller++) await toldTo(String(caller))
  expect(await toldTo('a')).toBe(one.prefix)
  expect(await toldTo('1')).toBe(other.prefix)
  // Who was told of one only, so long ago, is told of it again.
  for (let caller = 10_000; caller < 20_000; caller++) await toldTo(String(caller))
  expect(await toldTo('2')).toBe(one.prefix)
})

import { expect, it } from 'vitest'
import { Inquiries } from '../../../../../src/core/babel/engine/inquiries.ts'
import { Levels } from '../../../../../src/core/babel/engine/levels.ts'
import { Interface, Neighbour } from '../../../../../src/core/babel/engine/model.ts'
import { TUNNEL } from '../../../../support/engine-network.ts'
import { destinations, engineWorld, silentNeighbour } from '../../../../support/engine-world.ts'

it('who is asked for itself looks whether those are there that it has not heard right now, the longest silent first', () => {
  const state = { name: 's', kind: 'server', address: 'fe80::1' } as const
  const iface = new Interface(state, TUNNEL, new Levels(), 1)
  for (const [address, heardMs] of [
    ['fe80::2', 9_950],
    ['fe80::3', 9_000],
    ['fe80::4', 5_000],
  ] as const)
    iface.neighbours.set(address, new Neighbour(iface, address, heardMs))
  const checked: string[] = []
  const inquiries = new Inquiries(
    { ...engineWorld(), interfaces: new Map([['s', iface]]) },
    (_, { address }) => checked.push(address),
  )
  const [own] = destinations(1)
  if (!own) throw new Error('there is one')
  own.local = { prefix: own.prefix, from: own.from, metric: 0 }
  const by = silentNeighbour()
  inquiries.asked(10_000, by, own)
  expect(checked).toEqual(['fe80::4', 'fe80::3'])
  // The same question, by another way.
  inquiries.asked(10_100, by, own)
  expect(checked).toHaveLength(2)
  inquiries.asked(10_500, by, own)
  expect(checked).toHaveLength(5)
})

import { expect, it } from 'vitest'
import { Outbox } from '../../../../src/core/babel/outbox.ts'
import { fc, test } from '../../../support/property.ts'

it('what is for the same neighbours goes out together', () => {
  const outbox = new Outbox<string>()
  outbox.add('a', ['one'])
  outbox.add('b', ['two'])
  outbox.add('a', ['three', 'four'])
  outbox.add(undefined, ['five'])
  outbox.add(undefined, ['six'])
  outbox.add('a', ['seven'])
  expect(outbox.take()).toEqual([
    { to: 'a', tlvs: ['one', 'three', 'four'] },
    { to: 'b', tlvs: ['two'] },
    { to: undefined, tlvs: ['five', 'six'] },
    { to: 'a', tlvs: ['seven'] },
  ])
  expect(outbox.isEmpty).toBe(true)
})

const NEIGHBOURS = ['a', 'b', 'c'] as const
const anyMessages = fc.array(
  fc.tuple(fc.constantFrom(undefined, ...NEIGHBOURS), fc.array(fc.nat({ max: 9 }), { maxLength: 60 })),
  { maxLength: 40 },
)

test(
  'each neighbour gets all that is for it, in its order, and what belongs together in one packet',
  anyMessages,
  (messages) => {
    const outbox = new Outbox<string>()
    const added = messages.map(([to, numbers], index) => ({
      to,
      tlvs: numbers.map((number) => `${index}-${number}`),
    }))
    for (const { to, tlvs } of added) outbox.add(to, tlvs)
    const sent = outbox.take()
    for (const neighbour of NEIGHBOURS) {
      const heardBy = (parcels: typeof sent) =>
        parcels.filter(({ to }) => to === undefined || to === neighbour).flatMap(({ tlvs }) => tlvs)
      expect(heardBy(sent)).toEqual(heardBy(added))
    }
    for (const { tlvs } of added)
      if (tlvs.length > 0)
        expect(sent.some((parcel) => tlvs.every((tlv) => parcel.tlvs.includes(tlv)))).toBe(true)
    const alone = Math.max(25, ...added.map(({ tlvs }) => tlvs.length))
    for (const { tlvs } of sent) expect(tlvs.length).toBeLessThanOrEqual(alone)
  },
)

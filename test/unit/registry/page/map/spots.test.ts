import { expect, test } from 'vitest'
import type { NetworkNode, Place } from '../../../../../src/registry/page/map/network.ts'
import { sharesOf, spotsOf } from '../../../../../src/registry/page/map/spots.ts'

const node = (id: string, place: Place | undefined, state: NetworkNode['state'] = 'online'): NetworkNode => ({
  ...{ id, name: id, registry: false },
  place,
  state,
})
const PARIS = { longitude: 2.35, latitude: 48.86 }
const TOKYO = { longitude: 139.7, latitude: 35.7 }

/** As on a map on which a degree is a pixel. */
const placeOf = ({ place }: NetworkNode) => place && { x: place.longitude, y: -place.latitude }

test('nodes near to each other are one spot, the largest comes first, and who is nowhere is in none', () => {
  const near = { longitude: 2.3, latitude: 48.9 }
  const nodes = [node('a', TOKYO), node('b', near), node('c', PARIS), node('d', PARIS), node('e', undefined)]
  const spots = spotsOf(nodes, placeOf, 1)
  expect(spots.map((spot) => spot.nodes.map(({ id }) => id))).toEqual([['c', 'd', 'b'], ['a']])
  // It is where most of them are.
  expect(spots[0]).toMatchObject({ x: 2.35, y: -48.86 })
})

test('when it is magnified, they are told apart', () => {
  const near = { longitude: 2.3, latitude: 48.9 }
  expect(spotsOf([node('b', near), node('c', PARIS)], placeOf, 0.01)).toHaveLength(2)
})

test('no two spots lie on each other, and no node is in two', () => {
  const nodes = Array.from({ length: 2_000 }, (_, at) =>
    node(`${at}`, { longitude: (at * 37) % 360, latitude: (at * 61) % 90 }),
  )
  const spots = spotsOf(nodes, placeOf, 20)
  expect(spots.flatMap((spot) => spot.nodes)).toHaveLength(nodes.length)
  for (const [at, one] of spots.entries())
    for (const other of spots.slice(at + 1))
      expect(Math.hypot(one.x - other.x, one.y - other.y)).toBeGreaterThanOrEqual(20)
})

test('the colours of a spot share its circle as its nodes do', () => {
  const nodes = [node('a', PARIS), node('b', PARIS, 'offline'), node('c', PARIS), node('d', PARIS)]
  const [spot] = spotsOf(nodes, placeOf, 1)
  expect(sharesOf(spot?.nodes ?? [], ({ state }) => state)).toEqual([
    { colour: 'online', begin: 0, share: 0.75 },
    { colour: 'offline', begin: 0.75, share: 0.25 },
  ])
})

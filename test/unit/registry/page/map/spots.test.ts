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

test('nodes less than a degree apart are one spot, the largest comes first, and who is nowhere is in none', () => {
  const near = { longitude: 2.3, latitude: 48.9 }
  const spots = spotsOf([node('a', TOKYO), node('b', PARIS), node('c', near), node('d', undefined)])
  expect(spots.map(({ nodes }) => nodes.map(({ id }) => id))).toEqual([['b', 'c'], ['a']])
})

test('the colours of a spot share its circle as its nodes do', () => {
  const [spot] = spotsOf([node('a', PARIS), node('b', PARIS, 'offline'), node('c', PARIS), node('d', PARIS)])
  expect(sharesOf(spot?.nodes ?? [], ({ state }) => state)).toEqual([
    { colour: 'online', begin: 0, share: 0.75 },
    { colour: 'offline', begin: 0.75, share: 0.25 },
  ])
})

import { describe, expect, test } from 'vitest'
import type { Mark } from '../../../../../src/registry/page/map/scene.ts'
import {
  labelled,
  markAt,
  motionBetween,
  onScreen,
  showingAll,
} from '../../../../../src/registry/page/map/viewport.ts'

const mark = (id: string, x: number, y: number, weight = 0): Mark => ({
  id,
  x,
  y,
  weight,
  label: id,
  colour: '#000000',
  shape: 'disc',
  radius: 5,
  chosen: false,
  isAhead: false,
})
const PLAIN = { k: 1, tx: 0, ty: 0 }

describe('a viewport', () => {
  test('that shows all has every place inside, in the middle', () => {
    const places = [
      { x: -5_000, y: 10 },
      { x: 300, y: 9_000 },
    ]
    const view = showingAll(places, 800, 600)
    const [one, other] = places.map((place) => onScreen(place, view))
    for (const { x, y } of [one, other].flatMap((place) => place ?? [])) {
      expect(x).toBeGreaterThan(40)
      expect(x).toBeLessThan(760)
      expect(y).toBeGreaterThan(40)
      expect(y).toBeLessThan(560)
    }
    expect(((one?.x ?? 0) + (other?.x ?? 0)) / 2).toBeCloseTo(400)
  })

  test('of one node, of none, or in a window without size is finite', () => {
    for (const places of [[], [{ x: 1, y: 1 }]])
      for (const size of [0, 500])
        expect(Object.values(showingAll(places, size, size)).every(Number.isFinite)).toBe(true)
  })

  test('a picture drawn at another one is moved to where it belongs', () => {
    const [drawn, now] = [
      { k: 2, tx: 10, ty: 20 },
      { k: 3, tx: -7, ty: 5 },
    ]
    const place = { x: 13, y: 17 }
    const moved = onScreen(onScreen(place, drawn), motionBetween(drawn, now))
    expect(moved.x).toBeCloseTo(onScreen(place, now).x)
    expect(moved.y).toBeCloseTo(onScreen(place, now).y)
  })
})

test('a click near a node means the nearest one; far from all, none', () => {
  const marks = [mark('a', 100, 100), mark('b', 112, 100)]
  expect(markAt(marks, PLAIN, { x: 108, y: 103 })?.id).toBe('b')
  expect(markAt(marks, PLAIN, { x: 100, y: 114 })?.id).toBe('a')
  expect(markAt(marks, PLAIN, { x: 300, y: 300 })).toBeUndefined()
})

test('of labels that would lie on each other, the weightier one is written', () => {
  const marks = [
    mark('light', 100, 100, 1),
    mark('heavy', 110, 104, 9),
    mark('away', 400, 300),
    mark('out', -50, 0),
  ]
  expect(
    labelled(marks, PLAIN, 800, 600)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(['away', 'heavy'])
})

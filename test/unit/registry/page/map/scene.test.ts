import { expect, test } from 'vitest'
import { colouringOf } from '../../../../../src/registry/page/map/colouring.ts'
import type { Network } from '../../../../../src/registry/page/map/network.ts'
import { sceneOf } from '../../../../../src/registry/page/map/scene.ts'

const LONG = 'a-machine-with-a-name-that-is-longer-than-any-phone-is-wide'
const network: Network = {
  nodes: ['0/8', '1/8', '2/8', '3/8', '4/8'].map((id) => ({
    ...{ id, name: LONG, state: 'online', registry: id === '0/8' },
  })),
  tunnels: [
    { client: '1/8', server: '0/8' },
    { client: '2/8', server: '1/8' },
    { client: '3/8', server: '2/8' },
    { client: '4/8', server: '0/8' },
  ],
}
const positions = new Map(network.nodes.map(({ id }, at) => [id, { x: at, y: at * at }]))
const shown = (chosen: string | undefined, route: readonly string[]) =>
  sceneOf(
    { network, colouring: colouringOf('state', network.nodes, 0), chosen, route, cuts: new Set(['0/8 4/8']) },
    positions,
    'light',
  )

test('the node that is looked at, its way and its tunnels are drawn over the others', () => {
  const { marks, strokes } = shown('2/8', ['0/8', '1/8', '2/8'])
  expect(marks.filter(({ isAhead }) => isAhead).map(({ id }) => id)).toEqual(['0/8', '1/8', '2/8', '3/8'])
  const lines = (ahead: boolean) =>
    strokes.filter(({ isAhead }) => isAhead === ahead).map((one) => one.lines.length)
  expect(lines(true)).toEqual([1, 2])
  expect(lines(false)).toEqual([0, 1])
})

test('where nobody looks at one, none is before the others', () => {
  expect(shown(undefined, []).marks.some(({ isAhead }) => isAhead)).toBe(false)
})

test('a name is written as far as there is room, that of the node that is looked at farther', () => {
  const lengths = shown('2/8', []).marks.map(({ label }) => label.length)
  expect(lengths).toEqual([22, 22, 36, 22, 22])
})

import { expect, test } from 'vitest'
import { afterChange, networkOf } from '../../../../src/registry/page/topology.ts'

const node = (name: string, state: 'online' | 'offline' = 'online') => ({ name, state })
const tunnel = (client: string, server: string) => ({ client, server })

test('a change adds, replaces and removes nodes and tunnels, and nothing else', () => {
  const before = {
    nodes: [node('0/8'), node('1/8'), node('2/8')],
    tunnels: [tunnel('1/8', '0/8'), tunnel('2/8', '0/8')],
  }
  const after = afterChange(before, {
    nodes: [node('1/8', 'offline'), node('3/8')],
    gone: ['2/8'],
    tunnelsMade: [tunnel('3/8', '0/8'), tunnel('1/8', '0/8')],
    tunnelsEnded: [tunnel('2/8', '0/8')],
  })
  expect(after).toEqual({
    nodes: [node('0/8'), node('1/8', 'offline'), node('3/8')],
    tunnels: [tunnel('1/8', '0/8'), tunnel('3/8', '0/8')],
  })
})

test('the map has their names, places, and which one is the registry', () => {
  const { nodes } = networkOf(
    {
      nodes: [
        {
          ...node('0/8'),
          latitude: 0,
          longitude: 0,
          notBefore: '2026-01-01T00:00:00.000Z',
          notAfter: '2027-01-01T00:00:00.000Z',
        },
        { ...node('1/8'), machineName: 'laptop', latitude: 5 },
      ],
      tunnels: [],
    },
    '0/8',
  )
  expect(nodes[0]).toMatchObject({
    name: '0/8',
    registry: true,
    place: { latitude: 0, longitude: 0 },
    certificateBeginMs: Date.UTC(2026, 0, 1),
    certificateEndMs: Date.UTC(2027, 0, 1),
  })
  expect(nodes[1]).toMatchObject({ id: '1/8', name: 'laptop', registry: false, place: undefined })
})

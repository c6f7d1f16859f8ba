import { expect, it } from 'vitest'
import { Announcements } from '../../../../../src/core/babel/engine/announcements.ts'
import { Route } from '../../../../../src/core/babel/engine/model.ts'
import { Sources } from '../../../../../src/core/babel/engine/sources.ts'
import { destinations, engineWorld, silentNeighbour } from '../../../../support/engine-world.ts'

const OTHER = '02:00:00:00:00:00:00:02'

function rig() {
  const world = engineWorld()
  const nothing = () => {}
  const sources = new Sources(world.table, world.timers, nothing)
  const neighbour = silentNeighbour()
  const announcements = new Announcements(world, sources, nothing)
  return { world, neighbour, announcements }
}

it('what is told again of a destination that was forgotten and learnt anew is what is known of it now', () => {
  const { world, neighbour, announcements } = rig()
  const [forgotten] = destinations(1)
  if (!forgotten) throw new Error('there is one')
  const tell = () => announcements.of(0, neighbour.iface, [forgotten])[0]?.metric
  expect(tell()).toBe(65_535)
  world.table.obtain(forgotten).local = { prefix: forgotten.prefix, from: forgotten.from, metric: 7 }
  expect(tell()).toBe(7)
})

it('a newer number is not passed on as long as the older one is feasible for those behind us', () => {
  const { world, neighbour, announcements } = rig()
  const [destination] = destinations(1)
  if (!destination) throw new Error('there is one')
  const entry = world.table.obtain(destination)
  neighbour.cost = 96
  const route = new Route({
    ...{ entry, neighbour, routerId: OTHER, nextHop: 'fe80::2' },
    ...{ seqno: 5, refmetric: 100, nowS: 0, holdS: 60 },
  })
  world.table.add(route)
  entry.selected = route
  const told = (seqno: number, refmetric: number) => {
    Object.assign(route, { seqno, refmetric })
    const [update] = announcements.of(0, neighbour.iface, [entry])
    announcements.note(entry)
    return update?.seqno
  }
  expect(told(5, 100)).toBe(5)
  expect(told(6, 100)).toBe(5)
  expect(told(7, 148)).toBe(5)
  expect(told(7, 149)).toBe(7)
})

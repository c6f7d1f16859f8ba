import { expect, it } from 'vitest'
import { Route } from '../../../../../src/core/babel/engine/model.ts'
import { RouteExpiry } from '../../../../../src/core/babel/engine/route-expiry.ts'
import { destinations, engineWorld, passTime, silentNeighbour } from '../../../../support/engine-world.ts'

it('no route expires while what renews it may be there and not be read yet', () => {
  const world = engineWorld()
  const expiredMs: number[] = []
  const expiry = new RouteExpiry(world, {
    expiring() {},
    expired: (nowMs, route) => {
      expiredMs.push(nowMs)
      world.table.remove(route)
    },
  })
  const [destination] = destinations(1)
  if (!destination) throw new Error('there is one')
  const route = new Route({
    ...{ entry: world.table.obtain(destination), neighbour: silentNeighbour(), nextHop: 'fe80::2' },
    ...{ routerId: '02:00:00:00:00:00:00:02', seqno: 1, refmetric: 0, nowS: 0, holdS: 10 },
  })
  world.table.add(route)
  expiry.watch(route)
  passTime(world, 0, 7_000)
  world.catchingUpUntilMs = 13_000
  passTime(world, 7_001, 12_999)
  expect(expiredMs).toEqual([])
  passTime(world, 13_000, 15_000)
  expect(expiredMs).toHaveLength(1)
})

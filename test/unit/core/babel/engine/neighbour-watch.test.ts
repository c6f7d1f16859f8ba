import { expect, it } from 'vitest'
import { NeighbourWatch } from '../../../../../src/core/babel/engine/neighbour-watch.ts'
import { engineWorld, passTime, silentNeighbour } from '../../../../support/engine-world.ts'

const GREETED_BY_MS = 45_000

function rig() {
  const world = engineWorld()
  const deadMs: number[] = []
  const nothing = () => {}
  const watch: NeighbourWatch = new NeighbourWatch(world, {
    ...{ costMayHaveChanged: nothing, silent: nothing, unheardThere: nothing },
    dead: (nowMs, neighbour) => {
      deadMs.push(nowMs)
      watch.forget(neighbour)
    },
  })
  watch.watch(silentNeighbour())
  return { world, deadMs }
}

it('one that never says hello is gone after three of its intervals', () => {
  const { world, deadMs } = rig()
  expect(world.timers.nextMs).toBe(GREETED_BY_MS)
  passTime(world, 0, GREETED_BY_MS)
  expect(deadMs).toEqual([GREETED_BY_MS])
})

it('as long as its hello may be there and not be read yet it is not gone, nor looked after all the time', () => {
  const { world, deadMs } = rig()
  world.catchingUpUntilMs = GREETED_BY_MS + 300
  passTime(world, GREETED_BY_MS, GREETED_BY_MS)
  expect(world.timers.nextMs).toBe(GREETED_BY_MS + 300)
  passTime(world, GREETED_BY_MS, GREETED_BY_MS + 300)
  expect(deadMs).toEqual([GREETED_BY_MS + 300])
})

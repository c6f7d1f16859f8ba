import { expect, it } from 'vitest'
import { Dumps } from '../../../../../src/core/babel/engine/dumps.ts'
import { destinations, engineWorld, passTime, silentNeighbour } from '../../../../support/engine-world.ts'

const AT_ONCE = 10

function rig(count: number) {
  const world = engineWorld()
  for (const entry of destinations(count)) world.table.reachable.add(entry)
  const all = [...world.table.reachable]
  const told: (readonly unknown[])[] = []
  const free: ((nowMs: number) => void)[] = []
  const dumps = new Dumps(world, AT_ONCE, (_nowMs, _neighbour, entries, onFree) => {
    told.push(entries)
    free.push(onFree)
    return entries.length > 0
  })
  return { world, all, told, free, dumps, neighbour: silentNeighbour() }
}

it('no more is underway than may be lost, however much there is to tell', () => {
  const { world, told, free, dumps, neighbour } = rig(1_000)
  dumps.begin(0, neighbour)
  passTime(world, 0, 1_000)
  expect(told).toHaveLength(16)
  for (const onFree of free.splice(0, 3)) onFree(1_000)
  passTime(world, 1_001, 2_000)
  expect(told).toHaveLength(19)
})

it('who is just being told again of some asks for all, and is told of all', () => {
  const { world, all, told, free, dumps, neighbour } = rig(100)
  const pass = (fromMs: number, untilMs: number) => {
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 10) {
      passTime(world, nowMs, nowMs + 9)
      for (const onFree of free.splice(0)) onFree(nowMs)
    }
  }
  dumps.begin(0, neighbour)
  pass(0, 5_000)
  expect(told.flat()).toHaveLength(100)
  told.length = 0
  dumps.tellAgain(5_010, neighbour, all.slice(0, 30))
  dumps.begin(5_010, neighbour)
  pass(5_010, 10_000)
  expect(new Set(told.flat()).size).toBe(100)
  // Not once more, as nobody asked in the meantime.
  expect(told.flat().length).toBeLessThanOrEqual(130)
})

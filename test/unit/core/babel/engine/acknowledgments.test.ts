import { expect, it } from 'vitest'
import { Acknowledgments } from '../../../../../src/core/babel/engine/acknowledgments.ts'
import type { Entry } from '../../../../../src/core/babel/engine/model.ts'
import { engineWorld, passTime, silentNeighbour } from '../../../../support/engine-world.ts'

const NOTHING: readonly Entry[] = []

function rig() {
  const world = engineWorld()
  const neighbour = silentNeighbour()
  const repeatedMs: number[] = []
  let unanswered = 0
  const acknowledgments = new Acknowledgments(
    world,
    (nowMs) => repeatedMs.push(nowMs),
    () => unanswered++,
  )
  return { world, neighbour, acknowledgments, repeatedMs, unanswered: () => unanswered }
}

it('what is not acknowledged is repeated after ever longer pauses, and given up in the end', () => {
  const { world, neighbour, acknowledgments, repeatedMs, unanswered } = rig()
  acknowledgments.expect(0, [neighbour], NOTHING)
  passTime(world, 1, 2_499)
  expect(repeatedMs).toEqual([250, 750, 1_500])
  expect([unanswered(), acknowledgments.isEmpty]).toEqual([0, false])
  passTime(world, 2_500, 10_000)
  expect([repeatedMs.length, unanswered(), acknowledgments.isEmpty]).toEqual([3, 1, true])
})

it('who has taken long to acknowledge has more time', () => {
  const { world, neighbour, acknowledgments, repeatedMs } = rig()
  const { opaque } = acknowledgments.expect(0, [neighbour], NOTHING)
  acknowledgments.hear(600, neighbour, opaque)
  acknowledgments.expect(600, [neighbour], NOTHING)
  passTime(world, 601, 1_200)
  expect(repeatedMs).toEqual([])
  passTime(world, 1_201, 1_300)
  expect(repeatedMs).toHaveLength(1)
})

it('when numbers come again, who still waited for the first one with it is told to wait no more', () => {
  const { neighbour, acknowledgments } = rig()
  let freed = 0
  const { opaque } = acknowledgments.expect(0, [neighbour], NOTHING, () => freed++)
  for (let number = 1; number < 0x10000; number++) acknowledgments.probe()
  expect(freed).toBe(0)
  expect(acknowledgments.expect(1, [neighbour], NOTHING).opaque).toBe(opaque)
  expect(freed).toBe(1)
})

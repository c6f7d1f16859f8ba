import { expect, it } from 'vitest'
import { Acknowledgments } from '../../../../../src/core/babel/engine/acknowledgments.ts'
import { LostNeighbours } from '../../../../../src/core/babel/engine/lost-neighbours.ts'
import { Patience } from '../../../../../src/core/babel/engine/patience.ts'
import { engineWorld, silentNeighbour } from '../../../../support/engine-world.ts'

/**
 * How long one that was taken for dead may be silent the next time, as a multiple of before.
 * @param diedAgainMs when it was taken for dead once more, heard but without an answer
 */
function grownBy(diedAgainMs: number | undefined, answeredMs: number): number {
  const world = engineWorld()
  const nothing = () => {}
  const lost = new LostNeighbours(world, new Acknowledgments(world, nothing, nothing))
  const patience = new Patience(world.lateness)
  const beforeMs = patience.deathAfterMs(0, undefined)
  const neighbour = silentNeighbour()
  lost.add(0, neighbour, patience)
  expect(lost.appeared(neighbour)).toBe(patience)
  if (diedAgainMs !== undefined) {
    lost.add(diedAgainMs, neighbour, patience)
    expect(lost.appeared(neighbour)).toBe(patience)
  }
  lost.answered(answeredMs, neighbour)
  return patience.deathAfterMs(answeredMs, undefined) / beforeMs
}

it('one that answers soon after it was taken for dead was there all the time, and has more time; later, it was not', () => {
  expect(grownBy(undefined, 1_000)).toBe(2)
  expect(grownBy(undefined, 1_600)).toBe(1)
})

it('one that was only heard in between has been dead since the first time', () => {
  expect(grownBy(1_000, 1_600)).toBe(1)
})

import { expect, it } from 'vitest'
import { Doubts } from '../../../../../src/core/babel/engine/doubts.ts'
import { engineWorld, passTime, silentNeighbour } from '../../../../support/engine-world.ts'

function rig() {
  const world = engineWorld()
  const neighbour = silentNeighbour()
  const doubts = new Doubts(world, (nowMs, one, isDoubted) => void one.doubt(nowMs, isDoubted))
  const doubtAndAnswer = (nowMs: number) => {
    doubts.begin(nowMs, neighbour)
    doubts.end(nowMs, neighbour)
  }
  return { world, neighbour, doubts, doubtAndAnswer }
}

it('the first doubt ends with an answer, the next ones a while after it', () => {
  const { world, neighbour, doubtAndAnswer } = rig()
  doubtAndAnswer(0)
  expect(neighbour.isDoubted).toBe(false)
  for (const [atMs, holdMs] of [
    [1_000, 1_000],
    [10_000, 2_000],
    [20_000, 4_000],
  ] as const) {
    doubtAndAnswer(atMs)
    passTime(world, atMs, atMs + holdMs - 1)
    expect([atMs, neighbour.isDoubted]).toEqual([atMs, true])
    passTime(world, atMs + holdMs, atMs + holdMs)
    expect([atMs, neighbour.isDoubted]).toEqual([atMs, false])
  }
})

it('who is silent again while a doubt is about to end is doubted on', () => {
  const { world, neighbour, doubts, doubtAndAnswer } = rig()
  doubtAndAnswer(0)
  doubtAndAnswer(1_000)
  doubts.begin(1_500, neighbour)
  passTime(world, 1_500, 10_000)
  expect(neighbour.isDoubted).toBe(true)
})

it('answers that come one after another do not put off its end', () => {
  const { world, neighbour, doubts, doubtAndAnswer } = rig()
  doubtAndAnswer(0)
  doubtAndAnswer(1_000)
  for (let nowMs = 1_001; nowMs <= 2_000; nowMs++) {
    doubts.end(nowMs, neighbour)
    world.timers.runDue(nowMs)
  }
  expect(neighbour.isDoubted).toBe(false)
})

it('after five minutes without a doubt, the next one is the first', () => {
  const { world, neighbour, doubtAndAnswer } = rig()
  for (const atMs of [0, 1_000, 3_000]) {
    doubtAndAnswer(atMs)
    passTime(world, atMs, atMs + 2_000)
  }
  doubtAndAnswer(400_000)
  expect(neighbour.isDoubted).toBe(false)
})

it('of one that is gone nothing is done any more', () => {
  const { world, neighbour, doubts, doubtAndAnswer } = rig()
  doubtAndAnswer(0)
  doubtAndAnswer(1_000)
  doubts.forget(neighbour)
  passTime(world, 1_000, 10_000)
  expect(neighbour.isDoubted).toBe(true)
})

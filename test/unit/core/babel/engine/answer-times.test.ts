import { expect, it } from 'vitest'
import { AnswerTimes } from '../../../../../src/core/babel/engine/answer-times.ts'

/** Questions at these times, all of them answered at others. */
function answer(times: AnswerTimes, questions: readonly (readonly [askedMs: number, answeredMs: number])[]) {
  times.begin()
  for (const [number, [askedMs]] of questions.entries()) times.asked(askedMs, number)
  for (const [number, [, answeredMs]] of questions.entries()) times.answered(answeredMs, number)
}

it('the slowest answer is remembered, half of it ten seconds later', () => {
  const times = new AnswerTimes()
  answer(times, [[1_000, 1_200]])
  expect(times.atMost(1_200)).toBe(200)
  answer(times, [[1_200, 1_250]])
  expect(times.atMost(1_250)).toBeCloseTo(200, -1)
  expect(times.atMost(11_200)).toBeCloseTo(100)
  answer(times, [[11_200, 11_350]])
  expect(times.atMost(11_350)).toBe(150)
})

it('what the last ones took is known for ten seconds', () => {
  const times = new AnswerTimes()
  expect(times.recentMs(0)).toBeUndefined()
  answer(times, [[0, 30]])
  expect(times.recentMs(10_000)).toBe(30)
  expect(times.recentMs(10_100)).toBeUndefined()
})

it('a full queue makes each answer late; those that were held up and come all at once are none of it', () => {
  const [full, held] = [new AnswerTimes(), new AnswerTimes()]
  answer(full, [
    [0, 600],
    [100, 700],
    [200, 800],
  ])
  expect(full.atMost(800)).toBe(600)
  answer(held, [
    [0, 600],
    [300, 601],
    [595, 602],
  ])
  expect(held.atMost(602)).toBe(7)
})

it('what nobody asked now was not answered now', () => {
  const times = new AnswerTimes()
  times.begin()
  times.asked(0, 1)
  expect(times.answered(5, 2)).toBe(false)
  times.begin()
  expect(times.answered(5_000, 1)).toBe(false)
  expect(times.atMost(5_000)).toBe(0)
})

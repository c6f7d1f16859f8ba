import { expect, it } from 'vitest'
import { keptAnswer } from '../../../../src/registry/server/one-answer.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

it('an answer that took long is kept for some seconds, and one that took no time is not', async () => {
  const clock = steppedClock()
  let [tookMs, asked] = [0, 0]
  const answer = keptAnswer(async () => {
    await clock.pass(tookMs)
    asked += 1
    return asked
  }, clock)
  expect(await answer()).toBe(1)
  tookMs = 100
  // Whoever asks while it is waited for is answered by the same.
  expect(await Promise.all([answer(), answer()])).toEqual([2, 2])
  await clock.pass(999)
  expect(await answer()).toBe(2)
  await clock.pass(1)
  tookMs = 60_000
  expect(await answer()).toBe(3)
  await clock.pass(4_999)
  expect(await answer()).toBe(3)
  await clock.pass(1)
  expect(await answer()).toBe(4)
})

it('what has failed is asked again', async () => {
  let asked = 0
  const answer = keptAnswer(async () => {
    asked += 1
    if (asked === 1) throw new Error('the database is away')
    return asked
  }, steppedClock())
  await expect(answer()).rejects.toThrow('the database is away')
  expect(await answer()).toBe(2)
})

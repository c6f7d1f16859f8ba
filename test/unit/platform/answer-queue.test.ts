import { expect, it } from 'vitest'
import { AnswerQueue } from '../../../src/platform/answer-queue.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

function queue() {
  const clock = steppedClock()
  const late: string[] = []
  return {
    clock,
    late,
    answers: new AnswerQueue(
      (ms, action) => clock.after(ms, action),
      (question) => late.push(question),
    ),
  }
}

it('answers go to the questions in their order; one that nobody asked for is told from them', async () => {
  const { answers } = queue()
  const asked = [answers.asked('one'), answers.asked('two')]
  expect(answers.answered({ ok: true, value: '1' })).toBe(true)
  expect(answers.answered({ ok: false, reason: 'no' })).toBe(true)
  expect(answers.answered({ ok: true, value: '3' })).toBe(false)
  expect(await Promise.all(asked)).toEqual([
    { ok: true, value: '1' },
    { ok: false, reason: 'no' },
  ])
})

it('one that does not come is told of, and none that came', async () => {
  const { clock, late, answers } = queue()
  const first = answers.asked('one')
  answers.answered({ ok: true, value: '' })
  await first
  const second = answers.asked('two')
  await clock.pass(11_000)
  expect(late).toEqual(['two'])
  answers.end('over')
  expect(await second).toEqual({ ok: false, reason: 'over' })
  await clock.pass(60_000)
  expect(late).toEqual(['two'])
})

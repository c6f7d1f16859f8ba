import { expect, it } from 'vitest'
import { Lateness } from '../../../../../src/core/babel/engine/lateness.ts'
import { Patience } from '../../../../../src/core/babel/engine/patience.ts'

it('our own questions have as long as answers took lately: also where the kernel, which counts what was lost, says longer', () => {
  const patience = new Patience(new Lateness())
  const slowMs = patience.ownAnswersMs(0, 300, undefined)
  expect(slowMs).toBeGreaterThan(500)
  patience.answers.begin()
  patience.answers.asked(0, 1)
  patience.answers.answered(20, 1)
  expect(patience.ownAnswersMs(20, 300, undefined)).toBe(105)
  expect(patience.ownAnswersMs(20, 300, 10)).toBe(95)
  expect(patience.ownAnswersMs(10_020, 300, undefined)).toBe(slowMs)
})

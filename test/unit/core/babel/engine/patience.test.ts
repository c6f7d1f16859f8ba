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

it('who stood still for a while has more time until it is dead; an outage gives it none', () => {
  const after = (heldUpMs: number) => {
    const patience = new Patience(new Lateness())
    patience.heldUp(0, heldUpMs)
    return patience.deathAfterMs(0, undefined)
  }
  const usualMs = after(0)
  expect(after(600)).toBe(1_800)
  expect(after(2_000)).toBe(6_000)
  expect(after(2_001)).toBe(usualMs)
})

it('of what a false alarm added, half is forgotten after each ten minutes without another', () => {
  const patience = new Patience(new Lateness())
  const usualMs = patience.deathAfterMs(0, undefined)
  const grown = (nowMs: number) => patience.deathAfterMs(nowMs, undefined) / usualMs
  for (let time = 0; time < 5; time++) patience.falseAlarm(0)
  expect([0, 599_999, 600_000, 1_200_000, 1_800_000, 9_000_000].map(grown)).toEqual([8, 8, 4, 2, 1, 1])
})

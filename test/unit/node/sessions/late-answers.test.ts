import { beforeEach, expect, it } from 'vitest'
import { LateAnswers } from '../../../../src/node/sessions/late-answers.ts'
import { type SteppedClock, steppedClock } from '../../../support/stepped-clock.ts'

let clock: SteppedClock
let late: LateAnswers
let unanswered: string[]
beforeEach(() => {
  clock = steppedClock()
  late = new LateAnswers(clock)
  unanswered = []
})
const acknowledged = (question: string) => late.acknowledged(question, () => void unanswered.push(question))

it('what is only acknowledged is not answered, half a second later', async () => {
  acknowledged('way')
  await clock.pass(499)
  expect(unanswered).toEqual([])
  await clock.pass(1)
  expect(unanswered).toEqual(['way'])
})

it('what is answered behind the acknowledgement is answered, and so may be what is asked after that', async () => {
  acknowledged('way')
  acknowledged('another')
  await clock.pass(10)
  late.answered('way')
  await clock.pass(10_000)
  expect(unanswered).toEqual(['another'])
})

it('what is acknowledged twice is told once', async () => {
  acknowledged('way')
  await clock.pass(400)
  acknowledged('way')
  await clock.pass(400)
  expect(unanswered).toEqual([])
  await clock.pass(10_000)
  expect(unanswered).toEqual(['way'])
})

it('nothing is told after the end', async () => {
  acknowledged('way')
  late[Symbol.dispose]()
  await clock.pass(10_000)
  expect(unanswered).toEqual([])
})

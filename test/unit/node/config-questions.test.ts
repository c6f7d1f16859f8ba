import { beforeEach, expect, it } from 'vitest'
import { ConfigQuestions } from '../../../src/node/config-questions.ts'
import { silentLog } from '../../support/silent-log.ts'
import { type SteppedClock, steppedClock } from '../../support/stepped-clock.ts'

let clock: SteppedClock
let controller: AbortController
let questions: ConfigQuestions
/** When the registry was asked. */
let askedMs: number[]
/** What the registry does when it is asked. */
let ask: () => Promise<void>

beforeEach(() => {
  clock = steppedClock()
  controller = new AbortController()
  askedMs = []
  ask = () => Promise.resolve()
  questions = new ConfigQuestions({
    clock,
    random: { next: () => 0 },
    log: silentLog,
    ask: () => {
      askedMs.push(clock.monotonicMs())
      return ask()
    },
  })
  questions.start(controller.signal)
})

it('one at a time: what is wanted meanwhile is asked for once more, a moment after the answer', async () => {
  ask = () => clock.sleep(10_000)
  questions.announced()
  await clock.pass(1_000)
  questions.announced()
  questions.news()
  await clock.pass(30_000)
  expect(askedMs).toEqual([0, 11_000])
})

it('the sooner of two reasons counts', async () => {
  questions.news()
  questions.announced()
  await clock.pass(5_000)
  expect(askedMs).toEqual([0])
})

it('what fails is asked again, ever more seldom, but at once from another network', async () => {
  ask = () => Promise.reject(new Error('no answer'))
  questions.announced()
  await clock.pass(15_500)
  expect(askedMs).toEqual([0, 1_000, 3_000, 7_000, 15_000])
  questions.networkChanged()
  await clock.pass(1_000)
  expect(askedMs.slice(5)).toEqual([15_500, 16_500])
})

it('who is cut off asks ever more seldom while the registry has nothing new', async () => {
  for (let second = 0; second < 120; second++) {
    questions.connected('cut off')
    await clock.pass(1_000)
  }
  expect(askedMs).toEqual([0, 15_000, 45_000, 105_000])
})

it('who has tunnels over which nobody is heard goes on asking: its neighbours may have keys that are new', async () => {
  for (let second = 0; second < 600; second++) {
    questions.connected('cut off')
    await clock.pass(1_000)
  }
  askedMs.length = 0
  for (let second = 0; second < 45; second++) {
    questions.connected('unheard')
    await clock.pass(1_000)
  }
  expect(askedMs).toEqual([600_000, 615_000, 630_000])
})

it('what has run out is asked for once in ten minutes', async () => {
  for (let second = 0; second < 1_300; second++) {
    questions.hasRunOut()
    await clock.pass(1_000)
  }
  expect(askedMs).toEqual([0, 601_000, 1_202_000])
})

it('nothing is asked after the end', async () => {
  questions.news()
  controller.abort()
  questions.announced()
  await clock.pass(60_000)
  expect(askedMs).toEqual([])
})

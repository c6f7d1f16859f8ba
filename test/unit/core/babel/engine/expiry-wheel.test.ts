import { expect, it, vi } from 'vitest'
import { ExpiryWheel } from '../../../../../src/core/babel/engine/expiry-wheel.ts'
import { TimerQueue } from '../../../../../src/core/babel/engine/timers.ts'
import { EngineNetwork, type TestNode } from '../../../../support/engine-network.ts'

it('what waits is looked at when its time has come, in its order, and again when it says', () => {
  const timers = new TimerQueue()
  const visits: string[] = []
  const wheel = new ExpiryWheel<string>(timers, (item, nowMs) => {
    visits.push(`${item} ${nowMs}`)
    return item === 'again' && nowMs < 5_000 ? nowMs + 2_500 : undefined
  })
  wheel.add('later', 3_900)
  wheel.add('again', 1_500)
  wheel.add('with it', 1_200)
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 500) timers.runDue(nowMs)
  expect(visits).toEqual(['again 2000', 'with it 2000', 'later 4000', 'again 5000'])
  expect(timers.nextMs).toBe(Number.POSITIVE_INFINITY)
})

it('after a time in which nothing ran, the earliest comes first', () => {
  const timers = new TimerQueue()
  const visits: number[] = []
  const wheel = new ExpiryWheel<number>(timers, (item) => void visits.push(item))
  for (const atS of [40, 10, 30, 20]) wheel.add(atS, atS * 1_000)
  timers.runDue(60_000)
  expect(visits).toEqual([10, 20, 30, 40])
})

it('a turn costs what is due, however many other times are waited for', () => {
  const timers = new TimerQueue()
  const wheel = new ExpiryWheel<number>(timers, () => undefined, 100)
  for (let time = 1; time <= 20_000; time++) wheel.add(time, time * 100)
  const walks = [vi.spyOn(Map.prototype, 'keys'), vi.spyOn(Map.prototype, Symbol.iterator as never)]
  try {
    timers.runDue(100)
    for (const walk of walks) expect(walk).not.toHaveBeenCalled()
  } finally {
    for (const walk of walks) walk.mockRestore()
  }
})

it('what is asked for in vain, again and again, is looked at no more often after a week than after a day', () => {
  const HOUR_MS = 3_600_000
  const network = new EngineNetwork()
  // Of two ways from a to c, the longer one is infeasible, and stays so: d has it from a.
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => network.node(name)) as TestNode[]
  if (!a || !b || !c || !d) throw new Error('no nodes')
  for (const [one, other] of [
    [a, b],
    [b, c],
    [a, d],
    [d, b],
  ] as const)
    network.link(one, other)
  const looks = vi.spyOn(ExpiryWheel.prototype, 'add')
  try {
    const looksIn = (hours: number) => {
      looks.mockClear()
      network.run(hours * HOUR_MS)
      return looks.mock.calls.length
    }
    looksIn(2)
    const early = looksIn(2)
    looksIn(44)
    expect(looksIn(2)).toBeLessThan(1.2 * early)
  } finally {
    looks.mockRestore()
  }
})

import { expect, it } from 'vitest'
import { Listeners } from '../../../src/core/listeners.ts'

it('all hear of everything, in the order in which they came, until they are disposed of', () => {
  const listeners = new Listeners<number>()
  const heard: string[] = []
  const one = listeners.add((news) => heard.push(`one ${news}`))
  listeners.add((news) => heard.push(`other ${news}`))
  listeners.tell(1)
  one[Symbol.dispose]()
  listeners.tell(2)
  expect([heard, listeners.size]).toEqual([['one 1', 'other 1', 'other 2'], 1])
  listeners.clear()
  listeners.tell(3)
  expect([heard.length, listeners.size]).toEqual([3, 0])
})

it('who comes while it is told hears of the next only', () => {
  const listeners = new Listeners()
  let heard = 0
  listeners.add(() => void listeners.add(() => heard++))
  listeners.tell()
  expect(heard).toBe(0)
  listeners.tell()
  expect(heard).toBe(1)
})

import { expect, it } from 'vitest'
import { ChangeLog } from '../../../../src/core/standby/change-log.ts'

const frame = Buffer.alloc(10)
const numbers = (log: ChangeLog, number: number, generation = 'g') =>
  log.after({ generation, number })?.map((change) => change.number)

it('knows what comes after each position of its generation', () => {
  const log = new ChangeLog({ generation: 'g', number: 5 }, 1_000)
  for (const number of [6, 7, 8]) log.add({ number, frame })
  expect(numbers(log, 5)).toEqual([6, 7, 8])
  expect(numbers(log, 7)).toEqual([8])
  expect(numbers(log, 8)).toEqual([])
  expect([numbers(log, 4), numbers(log, 9), numbers(log, 8, 'h')]).toEqual([undefined, undefined, undefined])
})

it('forgets the oldest, and says that they are missing', () => {
  const log = new ChangeLog({ generation: 'g', number: 0 }, 25)
  for (const number of [1, 2, 3]) log.add({ number, frame })
  expect([numbers(log, 0), numbers(log, 1)]).toEqual([undefined, [2, 3]])
})

it('knows nothing of before a new generation', () => {
  const log = new ChangeLog({ generation: 'g', number: 0 }, 1_000)
  log.add({ number: 1, frame })
  log.renew({ generation: 'h', number: 2 })
  expect([numbers(log, 1), numbers(log, 1, 'h'), numbers(log, 2, 'h')]).toEqual([undefined, undefined, []])
})

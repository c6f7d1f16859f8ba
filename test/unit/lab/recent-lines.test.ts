import { expect, test } from 'vitest'
import { RecentLines } from '../../../lab/recent-lines.ts'

test('only the last lines are kept', () => {
  const lines = new RecentLines(3)
  for (let line = 1; line <= 100; line++) lines.add(`${line}`)
  expect(lines.last()).toEqual(['98', '99', '100'])
  expect(lines.last(2)).toEqual(['99', '100'])
})

test('fewer lines than wanted are all given', () => {
  const lines = new RecentLines(3)
  lines.add('one')
  expect(lines.last(2)).toEqual(['one'])
})

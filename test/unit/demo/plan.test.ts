import { expect, test } from 'vitest'
import { planNodes, sitesOf } from '../../../demo/plan.ts'

test('of eight nodes three are public, two behind one NAT, three behind another', () => {
  const plan = planNodes(8)
  expect(plan.map(({ site }) => site ?? 'public')).toEqual([
    ...['public', 'public', 'public'],
    ...['office', 'office'],
    ...['home', 'home', 'home'],
  ])
  expect(new Set(plan.map(({ name }) => name)).size).toBe(8)
  expect(sitesOf(plan)).toEqual(['office', 'home'])
})

test.each([4, 5, 7, 20, 60])('%i nodes are as many as asked for, some of them public', (count) => {
  const plan = planNodes(count)
  expect(plan).toHaveLength(count)
  expect(plan.filter(({ site }) => site === undefined).length).toBeGreaterThan(count / 4)
})

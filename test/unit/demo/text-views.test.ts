import { expect, test } from 'vitest'
import { machineLines, matrixLines, plainPaint, screenLines } from '../../../demo/text-views.ts'
import { samplePicture } from '../../support/sample-picture.ts'

test('a machine is shown with its place, subnet, tunnels by direction, and routes', () => {
  const line = machineLines(samplePicture(), plainPaint).find((text) => text.startsWith('n2'))
  expect(line?.trim().split(/ {2,}/)).toEqual([
    'n2',
    'public',
    'running',
    '2/16',
    '<n3 <n7 >n1 >registry',
    '8 (up to 2 hops)',
  ])
})

test('the matrix has a row and a column for each machine', () => {
  const lines = matrixLines(samplePicture({ killed: 'n3' }), plainPaint)
  expect(lines).toHaveLength(10)
  expect(lines[0]?.trim().split(/ +/)).toEqual([
    'ms',
    'registry',
    ...Array.from({ length: 8 }, (_, n) => `n${n + 1}`),
  ])
  expect(
    lines
      .find((line) => line.startsWith('n3'))
      ?.trim()
      .split(/ +/),
  ).toEqual(['n3', '-', '-', '-', '.', '-', '-', '-', '-', '-'])
})

test.each([16, 24, 40, 100])('a screen of %i lines is not exceeded, and shows what happens now', (height) => {
  const lines = screenLines(samplePicture(), 'http://localhost:1/', height, plainPaint)
  expect(lines.length).toBeLessThan(height)
  expect(lines[1]).toBe('All 72 pairs reach each other')
})

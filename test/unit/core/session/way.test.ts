import { expect, it } from 'vitest'
import { formatWay, parseWay, type WayAnswer } from '../../../../src/core/session/way.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { fc, test } from '../../../support/property.ts'

const [FIVE, THREE] = ['0000000000000101', '0000000000000011'].map(prefixOfBits) as [Prefix, Prefix]

it.each<[string, WayAnswer]>([
  ['5/16 3/16 12.345 192', { target: FIVE, next: THREE, rttMs: 12.345, metric: 192 }],
  ['5/16 5/16 - 96', { target: FIVE, next: FIVE, rttMs: undefined, metric: 96 }],
  ['5/16 - - -', { target: FIVE, next: undefined, rttMs: undefined, metric: undefined }],
])('the answer %s is written and read', (text, answer) => {
  expect(formatWay(answer)).toBe(text)
  expect(parseWay(text)).toEqual({ kind: 'answer', ...answer })
})

it('a name alone is a question', () => {
  expect(parseWay('5/16')).toEqual({ kind: 'question', target: FIVE })
})

it.each([
  '',
  'x',
  '5',
  '5/16 ',
  '5/16 3/16',
  '5/16 3/16 12 192 more',
  '5/16 three 12 192',
  '5/16 3/16 1e9 192',
  '5/16 3/16 -1 192',
  '5/16 3/16 12 99999999999',
])('%j is neither', (text) => {
  expect(parseWay(text)).toBeUndefined()
})

test('whatever comes, it is read or refused', fc.string(), (text) => {
  expect(() => parseWay(text)).not.toThrow()
})

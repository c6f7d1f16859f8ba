import { expect, it } from 'vitest'
import { reasonsText } from '../../../src/core/reasons.ts'

it('reasons are one text, each after its name', () => {
  expect(reasonsText(new Map([['a', 'it is full']]))).toBe('a: it is full')
  expect(reasonsText([...Object.entries({ a: 'it is full', b: 'it is away' })])).toBe(
    'a: it is full; b: it is away',
  )
})

it('no reasons are no text', () => {
  expect(reasonsText([])).toBeUndefined()
})

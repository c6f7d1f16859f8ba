import fc from 'fast-check'
import { expect, it } from 'vitest'
import { endOfStart, searchStartOf, searchWordsOf } from '../../../../src/core/values/search-words.ts'

it('a text is found by what each of its words begins with', () => {
  expect(searchWordsOf('John.Smith+re6st@Example.com')).toEqual([
    'john.smith+re6st@example.com',
    'smith+re6st@example.com',
    're6st@example.com',
    'example.com',
    'com',
  ])
  expect(searchWordsOf('Büro  Büro')).toEqual(['büro  büro', 'büro'])
  expect(searchWordsOf('')).toEqual([])
  expect([searchStartOf('@Example'), searchStartOf('%'), searchStartOf('b%@e')]).toEqual([
    'example',
    '',
    'b%@e',
  ])
})

it('whatever is looked for of a word on is between its start and its end, in the order of octets', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, length) => {
      for (const word of searchWordsOf(text)) {
        const start = Array.from(word)
          .slice(0, 1 + (length % 40))
          .join('')
        const octets = (one: string) => Buffer.from(one)
        expect(Buffer.compare(octets(start), octets(word))).toBeLessThanOrEqual(0)
        expect(Buffer.compare(octets(word), octets(endOfStart(start) ?? ''))).toBeLessThan(0)
      }
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 200) },
  )
})

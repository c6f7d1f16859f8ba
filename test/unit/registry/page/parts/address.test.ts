import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashOf, hashOfMachine, placeOf } from '../../../../../src/registry/page/parts/address.ts'

/** As an address has it: half of a surrogate pair is no letter. */
const wellFormed = (text: string): string => Buffer.from(text).toString()

describe('the address of a place on the page', () => {
  test('has the view, and what is looked at there', () => {
    expect(hashOf('machines', [['state', 'offline']])).toBe('#machines?state=offline')
    expect(hashOfMachine('5/16')).toBe('#machines?machine=5%2F16')
    const { view, parameters } = placeOf('#machines?machine=5%2F16&search=a+b')
    expect([view, ...parameters]).toEqual(['machines', ['machine', '5/16'], ['search', 'a b']])
  })

  test('leaves out what has no value', () => {
    expect(
      hashOf('machines', [
        ['search', ''],
        ['state', undefined],
      ]),
    ).toBe('#machines')
  })

  test('comes back as it was, whatever is looked for', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string({ minLength: 1 })), (parameters) => {
        const { view, parameters: back } = placeOf(hashOf('machines', Object.entries(parameters)))
        expect(view).toBe('machines')
        expect(back).toEqual(
          new Map(Object.entries(parameters).map(([name, value]) => [wellFormed(name), wellFormed(value)])),
        )
      }),
    )
  })

  test('of anything is one', () => {
    fc.assert(fc.property(fc.string(), (hash) => typeof placeOf(hash).view === 'string'))
  })
})

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { linkDefaultsText, parseLinkDefaults } from '../../../../src/core/config/link-defaults.ts'

const NOTHING = {
  rxcost: undefined,
  maxRttPenalty: undefined,
  rttMinMs: undefined,
  rttMaxMs: undefined,
  rttDecay: undefined,
  others: [],
}

it('what a network says of its links is read word by word', () => {
  expect(parseLinkDefaults('')).toEqual(NOTHING)
  expect(parseLinkDefaults('max-rtt-penalty 5000 rtt-max 500 rtt-decay 125')).toEqual({
    ...NOTHING,
    maxRttPenalty: 5000,
    rttMaxMs: 500,
    rttDecay: 125,
  })
})

it('of a word that is there twice, the last counts', () => {
  expect(parseLinkDefaults('rtt-max 500 rtt-max 12.5').rttMaxMs).toBe(12.5)
})

it('words that only babeld knows are kept for it, in their order', () => {
  const defaults = parseLinkDefaults('type tunnel rxcost 128 faraway true')
  expect(defaults).toEqual({
    ...NOTHING,
    rxcost: 128,
    others: [
      ['type', 'tunnel'],
      ['faraway', 'true'],
    ],
  })
  expect(linkDefaultsText(defaults)).toBe('type tunnel faraway true rxcost 128')
})

it('any text is read, and says the same when it is written and read again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const defaults = parseLinkDefaults(text)
      expect(parseLinkDefaults(linkDefaultsText(defaults))).toEqual(defaults)
    }),
  )
})

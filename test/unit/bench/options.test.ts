import { expect, test } from 'vitest'
import { benchArguments } from '../../../bench/options.ts'

test('sections and options', () => {
  expect(benchArguments(['outage', '--faults', '10', 'network', '--seed=7'])).toEqual({
    sections: ['outage', 'network'],
    options: { faults: 10, seed: 7 },
  })
})

test('what is no number, or no option, is refused', () => {
  expect(() => benchArguments(['--faults', 'many'])).toThrow('--faults: many is no number')
  expect(() => benchArguments(['--fault', '1'])).toThrow()
})

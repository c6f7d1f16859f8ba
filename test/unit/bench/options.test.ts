import { expect, test } from 'vitest'
import { benchArguments } from '../../../bench/options.ts'

test('sections and options', () => {
  expect(benchArguments(['outage', '--faults', '10', 'network', '--seed=7'])).toEqual({
    sections: ['outage', 'network'],
    options: { faults: 10, seed: 7 },
  })
  expect(benchArguments(['false-alarms', '--minutes', '1']).options).toEqual({ minutes: 1 })
  expect(benchArguments(['--protocol', 'udp', '--trouble=flood']).options).toEqual({
    protocol: 'udp',
    trouble: 'flood',
  })
})

test('a network of what sizes, and whether to go on with what there is', () => {
  expect(benchArguments(['scale', '--nodes', '100,200', '--tunnels=10', '--resume'])).toEqual({
    sections: ['scale'],
    options: { nodes: [100, 200], tunnels: [10], resume: true },
  })
})

test('what is no number, or no option, is refused', () => {
  expect(() => benchArguments(['--faults', 'many'])).toThrow('--faults: many is no number')
  expect(() => benchArguments(['--seed', '1,2'])).toThrow('--seed: one number only')
  expect(() => benchArguments(['--nodes', '100,'])).toThrow('--nodes:  is no number')
  expect(() => benchArguments(['--fault', '1'])).toThrow()
})

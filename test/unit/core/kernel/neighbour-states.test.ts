import { expect, it } from 'vitest'
import { readNeighbourStates } from '../../../../src/core/kernel/neighbour-states.ts'
import { fc, test } from '../../../support/property.ts'

it('neighbours are read with what the kernel knows of them', () => {
  const printed = JSON.stringify([
    { dst: 'fe80::b', lladdr: '66:71:0a:0d:d3:d0', state: ['REACHABLE'] },
    { dst: 'fe80::c', lladdr: '66:71:0a:0d:d3:d1', state: ['PROBE'] },
    { dst: 'fe80::d', state: ['FAILED'] },
    { dst: 'fe80::e', state: ['INCOMPLETE'] },
  ])
  expect(readNeighbourStates(printed)).toEqual({
    ok: true,
    value: [
      { address: 'fe80::b', hasLinkLayerAddress: true, state: 'reachable' },
      { address: 'fe80::c', hasLinkLayerAddress: true, state: 'unknown' },
      { address: 'fe80::d', hasLinkLayerAddress: false, state: 'failed' },
      { address: 'fe80::e', hasLinkLayerAddress: false, state: 'unknown' },
    ],
  })
  expect(readNeighbourStates('')).toEqual({ ok: true, value: [] })
  expect(readNeighbourStates('{')).toMatchObject({ ok: false })
})

test('whatever is printed, nothing is thrown', fc.oneof(fc.string(), fc.json()), (printed) => {
  expect(typeof readNeighbourStates(printed).ok).toBe('boolean')
})

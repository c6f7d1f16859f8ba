import { expect, it } from 'vitest'
import { warningsOf } from '../../../../src/core/doctor/warnings.ts'

it('warns of what works and may not be what is wanted', () => {
  expect(warningsOf({ isEncrypted: true, draining: null })).toEqual([])
  const both = warningsOf({ isEncrypted: false, draining: '2026-11-28T05:00:00.000Z' })
  expect(both.map(({ code }) => code)).toEqual(['draining', 'not-encrypted'])
  expect(both[0]?.remedy).toContain('re6st drain --undo')
})

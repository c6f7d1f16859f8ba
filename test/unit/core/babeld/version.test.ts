import { describe, expect, it } from 'vitest'
import { checkBabeldVersion } from '../../../../src/core/babeld/version.ts'
import { fc, test } from '../../../support/property.ts'

describe('the version of babeld', () => {
  it('is read from what it prints, and enough from 1.12 on', () => {
    expect(checkBabeldVersion('babeld-1.12.1\n')).toEqual({ ok: true, value: '1.12.1' })
    expect(checkBabeldVersion('babeld-1.13.1-4-gabc\n')).toEqual({ ok: true, value: '1.13.1-4-gabc' })
    expect(checkBabeldVersion('babeld-2.0\n').ok).toBe(true)
  })

  it('is refused when it is too old, or not told', () => {
    expect(checkBabeldVersion('babeld-1.9.2\n')).toEqual({
      ok: false,
      reason: 'babeld 1.9.2 is too old: 1.12 or later is needed',
    })
    expect(checkBabeldVersion('').ok).toBe(false)
  })

  test('is nothing that arbitrary text could break', fc.string(), (text) => {
    checkBabeldVersion(text)
  })
})

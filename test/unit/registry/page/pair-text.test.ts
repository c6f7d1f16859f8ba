import { expect, test } from 'vitest'
import type { PairState } from '../../../../src/registry/api/schemas/standby.ts'
import { isWaiting, standbyText } from '../../../../src/registry/page/parts/pair-text.ts'

const PRIMARY: PairState = { role: 'primary', epoch: 1, connection: 'current', isRegistered: true }

test('nothing can be given while a registered standby does not have everything', () => {
  expect(isWaiting(PRIMARY)).toBe(false)
  for (const connection of ['away', 'copying'] as const) {
    expect(isWaiting({ ...PRIMARY, connection })).toBe(true)
    expect(isWaiting({ ...PRIMARY, connection, isRegistered: false })).toBe(false)
  }
  expect(isWaiting({ role: 'alone', epoch: 0, connection: 'away', isRegistered: false })).toBe(false)
})

test('a registry that has none is not said to be without, where PostgreSQL may have one', () => {
  const alone: PairState = { role: 'alone', epoch: 0, connection: 'away', isRegistered: false }
  expect(standbyText(alone)).toMatch(/^There is none.*PostgreSQL has/)
})

test('a standby that is behind is said to be, by how much', () => {
  expect(standbyText({ ...PRIMARY, behind: 0 })).toContain('has everything.')
  expect(standbyText({ ...PRIMARY, behind: 1 })).toContain('the last change.')
  expect(standbyText({ ...PRIMARY, behind: 12 })).toContain('the last 12 changes.')
  expect(standbyText({ ...PRIMARY, connection: 'away' })).toBe('It is away.')
})

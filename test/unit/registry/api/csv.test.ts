import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csvOf } from '../../../../src/registry/api/csv.ts'

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx'])(
  'a text that a spreadsheet would take for a formula is none: %j',
  (text) => {
    expect(
      csvOf([[text]])
        .replace(/^"/, '')
        .startsWith("'"),
    ).toBe(true)
  },
)

test('numbers stay numbers, nothing is nothing, and what separates is quoted', () => {
  expect(csvOf([[-5, undefined, true, 'a,b', 'say "yes"', 'two\nlines']])).toBe(
    '-5,,true,"a,b","say ""yes""","two\nlines"\r\n',
  )
})

test('whatever is in a cell, it stays one, in one row', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = csvOf([['before', text, 'after']])
      expect(line.startsWith('before,')).toBe(true)
      expect(line.endsWith(',after\r\n')).toBe(true)
      const cell = line.slice('before,'.length, -',after\r\n'.length)
      const inner = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
      expect(inner.replace(/^'(?=[=+\-@\t\r])/, '')).toBe(text)
      if (!cell.startsWith('"')) expect(cell).not.toMatch(/[",\r\n]/)
    }),
  )
})

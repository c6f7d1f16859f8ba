import { describe, expect, it } from 'vitest'
import { joinShellWords, splitShellWords } from '../../../../src/core/options/shell-words.ts'
import { fc, test } from '../../../support/property.ts'

const words = (line: string) => {
  const result = splitShellWords(line)
  return result.ok ? result.value : result.reason
}

describe('splits as a shell', () => {
  it.each<[string, string[] | string]>([
    ['', []],
    ['  a\tb\r', ['a', 'b']],
    [`''`, ['']],
    [`a '' ""`, ['a', '', '']],
    [`a'b'"c"d`, ['abcd']],
    [`'a\\'b`, ['a\\b']],
    ['"a\\"b\\\\c\\nd\\\'"', ['a"b\\c\\nd\\\'']],
    ["a\\ b \\' \\\\", ['a b', "'", '\\']],
    ['#a $b `c` *', ['#a', '$b', '`c`', '*']],
    [`'a`, "a ' is not closed"],
    ['"a\\', 'a " is not closed'],
    ['a\\', 'nothing follows the backslash at the end'],
    ['é 日本 \u00a0', ['é', '日本', '\u00a0']],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected)
  })
})

test('what is joined is split into the same words', fc.array(fc.string({ unit: 'binary' })), (list) => {
  expect(words(joinShellWords(list))).toEqual(list)
})

test(
  'any text is split or refused',
  fc.string({ unit: fc.constantFrom('"', "'", '\\', ' ', 'a', '#') }),
  (line) => {
    const result = splitShellWords(line)
    expect(result.ok ? 'words' : result.reason).toMatch(/^words$|^(a ["'] is not closed|nothing follows)/)
  },
)

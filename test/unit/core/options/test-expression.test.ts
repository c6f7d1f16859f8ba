import { describe, expect, it } from 'vitest'
import { evaluateTest, outcomeOfTest } from '../../../../src/core/options/test-expression.ts'
import type { PlainValue } from '../../../../src/core/options/value-types.ts'
import { fc, test } from '../../../support/property.ts'

const names = new Map<string, PlainValue>([
  ['main_interface', 'lo'],
  ['iface_list', ['eth0', 'eth1']],
  ['verbose', 2],
  ['country', null],
  ['gateway', false],
  ['pp', [['1194', 'udp']]],
])
const evaluate = (expression: string) => {
  const result = evaluateTest(expression, names)
  return result.ok ? result.value : `refused: ${result.reason}`
}

describe('expressions mean what they mean in Python', () => {
  it.each<[string, PlainValue]>([
    ["main_interface != 'eth0'", true],
    ['main_interface == "lo"', true],
    ["'eth1' in iface_list and verbose >= 2", true],
    ["'eth2' not in iface_list", true],
    ["'l' in main_interface", true],
    ['not gateway', true],
    ['not not gateway', false],
    ['country is None', true],
    ['country is not None', false],
    ['1 < verbose < 3', true],
    ['1 < verbose < 2', false],
    ['verbose == 2.0', true],
    ['gateway == 0', true],
    ['gateway is 0', false],
    ["verbose == '2'", false],
    ["country or 'none'", 'none'],
    ['verbose and country', null],
    ["pp == [['1194', 'udp']]", true],
    ["country in ('FR', 'DE')", false],
    ["('a',)", ['a']],
    ['()', []],
    ['(verbose)', 2],
    ['len(pp) == 1', true],
    ["len('ab')", 2],
    ['-1', -1],
    ["'a\\'b'", "a'b"],
    ['True and False or True', true],
    ["'' or [] or 0", 0],
    ['not verbose == 3', true],
  ])('%s', (expression, value) => {
    expect(evaluate(expression)).toEqual(value)
  })
})

describe('mistakes', () => {
  it.each<[string, string]>([
    ['', 'the expression ends too early'],
    ['verbose =', '"=" is not understood'],
    ['verbose ==', 'the expression ends too early'],
    [
      'frob',
      'frob is no option; there are country, gateway, iface_list, main_interface, pp, verbose; a text needs quotes',
    ],
    ['__import__("os")', '__import__ is no option'],
    ['verbose("x")', '( is not expected there'],
    ['main_interface.upper', '".upper" is not understood'],
    ["'a", `"'a" is not understood`],
    ['main_interface < 3', "'lo' < 3: these cannot be compared"],
    ['1 in verbose', '1 in 2: the second is neither a list nor a text with a text'],
    ['(1', ') is missing'],
    ['1 2', '2 is not expected there'],
    ['and', 'and is not expected there'],
    ["- 'a'", '- needs a number behind it'],
    ['('.repeat(1000), 'too many brackets inside each other'],
    ['not '.repeat(1000), 'too many "not"s'],
  ])('%s: %s', (expression, reason) => {
    expect(evaluate(expression)).toContain(`refused: ${reason}`)
  })

  it('also in a part that is not reached, as in Python', () => {
    expect(evaluate('True or frob')).toContain('frob is no option')
    expect(evaluate('True or main_interface < 3')).toBe(true)
  })
})

describe('exit status', () => {
  it.each<[PlainValue, number, string?]>([
    [true, 1],
    [false, 0],
    [null, 0],
    [3, 3],
    [-1, 255],
    [256, 0],
    ['lo', 1, 'lo'],
    [['a', 1, null], 1, "['a', 1, None]"],
    [1.5, 1, '1.5'],
  ])('%j', (value, status, message) => {
    expect(outcomeOfTest(value)).toEqual({ status, message })
  })
})

test('any text has a value or a reason', fc.string(), (expression) => {
  evaluateTest(expression, names)
})

test(
  'any sequence of words has a value or a reason',
  fc.array(
    fc.constantFrom(
      '(',
      ')',
      '[',
      ']',
      ',',
      'and',
      'or',
      'not',
      'in',
      'is',
      '==',
      '<',
      '-',
      '1',
      "'a'",
      'verbose',
      'pp',
      'None',
    ),
  ),
  (words) => {
    evaluateTest(words.join(' '), names)
  },
)

import { expect, test as plainTest } from 'vitest'
import { ipv6Text, writeAddress } from '../../../../../src/core/babel/wire/address-text.ts'
import { ipv6PrefixText } from '../../../../../src/core/babel/wire/known-texts.ts'
import { addressOfBits, bitsOfAddress } from '../../../../../src/core/values/bits.ts'
import { fc, test } from '../../../../support/property.ts'

/** Addresses with many zeros, as real ones have. */
const sixteen = fc.array(fc.oneof(fc.constant(0), fc.constant(255), fc.nat(255)), {
  minLength: 16,
  maxLength: 16,
})
const bitsOf = (octets: readonly number[]) =>
  octets.map((octet) => octet.toString(2).padStart(8, '0')).join('')

test('the text of an address is the one that the rest of the program writes', sixteen, (octets) => {
  expect(ipv6Text(Uint8Array.from(octets), 0)).toBe(addressOfBits(bitsOf(octets)))
})

test('what was written is read again', sixteen, (octets) => {
  const into = new Uint8Array(16)
  expect(writeAddress(ipv6Text(Uint8Array.from(octets), 0), into)).toBe(16)
  expect([...into]).toEqual(octets)
})

test(
  'a text is an address exactly where the rest of the program says so',
  fc.string({ unit: fc.constantFrom(...':::::0123af.g ') }),
  (text) => {
    if (!text.includes(':')) return
    const bits = bitsOfAddress(text)
    const into = new Uint8Array(16)
    expect([text, writeAddress(text, into) !== undefined]).toEqual([text, bits.ok])
    if (bits.ok) expect(bitsOf([...into])).toBe(bits.value)
  },
)

plainTest('reads IPv4 addresses', () => {
  const into = new Uint8Array(16).fill(9)
  expect(writeAddress('10.0.255.1', into)).toBe(4)
  expect([...into]).toEqual([10, 0, 255, 1, ...Array<number>(12).fill(0)])
  for (const text of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1..2.3', 'a.b.c.d', '1.2.3.4 '])
    expect([text, writeAddress(text, into)]).toEqual([text, undefined])
})

test('a text that is known comes for its prefix alone', fc.array(sixteen, { maxLength: 50 }), (prefixes) => {
  for (const octets of [...prefixes, ...prefixes])
    expect(ipv6PrefixText(Uint8Array.from(octets), 0, 128)).toBe(`${addressOfBits(bitsOf(octets))}/128`)
})

plainTest('more texts than are remembered, in any order, are each the right one', () => {
  const prefixOf = (number: number) => {
    const octets = new Uint8Array(16)
    new DataView(octets.buffer).setUint32(0, number)
    return octets
  }
  const numbers = Array.from({ length: 40_000 }, (_, number) => number)
  const wrong = [...numbers, ...numbers, ...numbers.toReversed()].filter((number) => {
    const octets = prefixOf(number)
    return ipv6PrefixText(octets, 0, 64) !== `${ipv6Text(octets, 0)}/64`
  })
  expect(wrong).toEqual([])
})

plainTest('what was told in one order is known in another, and as the same text', () => {
  const prefixes = Array.from({ length: 1_000 }, (_, number) => Uint8Array.of(0x20, 1, number >> 8, number))
  const whole = prefixes.map((start) => Uint8Array.of(...start, ...new Uint8Array(12)))
  const forwards = whole.map((octets) => ipv6PrefixText(octets, 0, 32))
  expect(whole.toReversed().map((octets) => ipv6PrefixText(octets, 0, 32))).toEqual(forwards.toReversed())
})

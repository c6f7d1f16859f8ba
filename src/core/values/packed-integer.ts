import { Re6stError } from '../errors.ts'
import { ok, type Result, refuse } from '../result.ts'

/*
 * Group n (0…7) holds 32 · 256ⁿ numbers in n + 1 bytes, big-endian: three bits for n, then the offset in the group.
 *
 *    byte 0          byte 1 … n
 *   ┌───┬─────────┐ ┌──────────┐
 *   │ n │ offset ……………………………………│
 *   └───┴─────────┘ └──────────┘
 *
 * Byte order is number order, and each number has exactly one encoding.
 */

const GROUPS = 8

/** How many numbers a group holds. */
const sizeOfGroup = (group: number): bigint => 32n << BigInt(8 * group)

/** The first number of a group. */
const startOfGroup = (group: number): bigint => {
  let start = 0n
  for (let before = 0; before < group; before++) start += sizeOfGroup(before)
  return start
}

/** The largest number that can be encoded. */
export const MAX_PACKED_INTEGER = startOfGroup(GROUPS) - 1n

/** Encodes a number in 1 to 8 bytes. @throws Re6stError for a number that is negative or too large */
export function packInteger(number: bigint | number): Buffer {
  const value = BigInt(number)
  if (value < 0n || value > MAX_PACKED_INTEGER)
    throw new Re6stError('PROTOCOL', `${value} cannot be encoded: allowed is 0 … ${MAX_PACKED_INTEGER}`)
  let group = 0
  while (value >= startOfGroup(group + 1)) group++
  const bits = (BigInt(group) << BigInt(8 * group + 5)) | (value - startOfGroup(group))
  return Buffer.from(bits.toString(16).padStart(2 * (group + 1), '0'), 'hex')
}

/** Decodes the number at `offset`, and says how many bytes it took. */
export function unpackInteger(bytes: Uint8Array, offset = 0): Result<{ value: bigint; consumed: number }> {
  const first = bytes[offset]
  if (first === undefined) return refuse('no bytes left for a packed integer')
  const group = first >> 5
  const encoded = bytes.subarray(offset, offset + group + 1)
  if (encoded.length <= group) return refuse('a packed integer is cut off')
  const bits = BigInt(`0x${Buffer.from(encoded).toString('hex')}`)
  return ok({ value: (bits & (sizeOfGroup(group) - 1n)) + startOfGroup(group), consumed: group + 1 })
}

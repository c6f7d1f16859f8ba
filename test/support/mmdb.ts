import { bitsOfNumber } from '../../src/core/values/bits.ts'

/*
 * Writes a small MaxMind database (MaxMind DB file format 2.0): a binary tree over address bits whose nodes are pairs
 * of 24-bit numbers, 16 zero bytes, the data that leaves point at, and a map that describes it all.
 */

/** A value in the data section: text, an unsigned number with its type, a list or a map. */
type MmdbValue = string | MmdbNumber | readonly MmdbValue[] | { readonly [key: string]: MmdbValue }
type MmdbNumber = { readonly uint16: number } | { readonly uint32: number } | { readonly uint64: bigint }

/** Country and continent of addresses; null where the database does not say. */
export type MmdbLocations = Readonly<
  Record<string, readonly [country: string | null, continent: string | null]>
>

const TYPE = { text: 2, uint16: 5, uint32: 6, map: 7, uint64: 9, list: 11 } as const
/** Types up to this fit the first byte; of others it says 0, and the next byte says how far beyond. */
const LAST_SHORT_TYPE = 7
/** Sizes from here on take a byte of their own; longer ones are not needed. */
const FIRST_LONG_SIZE = 29

const RECORD_LENGTH = 3
const DATA_SEPARATOR = Buffer.alloc(16)
const METADATA_MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')
/** Where IPv4 addresses are in a tree of IPv6 addresses. */
const IPV4_BITS = '0'.repeat(96)

/** A country database of single addresses, as MaxMind makes them. */
export const countryDatabase = (locations: MmdbLocations): Buffer =>
  mmdbDatabase(
    'Test-Country',
    Object.fromEntries(
      Object.entries(locations).map(([address, [country, continent]]) => [
        address,
        {
          ...(continent === null ? {} : { continent: { code: continent } }),
          ...(country === null ? {} : { country: { iso_code: country } }),
        },
      ]),
    ),
  )

/** A database of this kind, with records of single addresses. */
export function mmdbDatabase(kind: string, recordOf: Readonly<Record<string, MmdbValue>>): Buffer {
  const tree: Node[] = [[undefined, undefined]]
  const data: Buffer[] = []
  let dataLength = 0
  for (const [address, found] of Object.entries(recordOf)) {
    const value = encode(found)
    insert(tree, bitsOf(address), { kind: 'data', offset: dataLength })
    data.push(value)
    dataLength += value.length
  }
  const records = tree.flatMap((node) => node.map((place) => record(place, tree.length)))
  return Buffer.concat([...records, DATA_SEPARATOR, ...data, METADATA_MARKER, metadata(kind, tree.length)])
}

type Place =
  | { readonly kind: 'node'; readonly index: number }
  | { readonly kind: 'data'; readonly offset: number }
type Node = [zero: Place | undefined, one: Place | undefined]

function insert(tree: Node[], bits: string, leaf: Place): void {
  let index = 0
  for (const [depth, bit] of [...bits].entries()) {
    const node = tree[index]
    if (!node) throw new Error('a node that is not there')
    const side = bit === '1' ? 1 : 0
    if (depth === bits.length - 1) {
      node[side] = leaf
      return
    }
    let next = node[side]
    if (next?.kind !== 'node') {
      next = { kind: 'node', index: tree.length }
      tree.push([undefined, undefined])
      node[side] = next
    }
    index = next.index
  }
}

/** A node's number; the number of nodes for "nothing"; beyond that and the separator, where data is. */
function record(place: Place | undefined, nodeCount: number): Buffer {
  const buffer = Buffer.alloc(RECORD_LENGTH)
  const number =
    place === undefined
      ? nodeCount
      : place.kind === 'node'
        ? place.index
        : nodeCount + DATA_SEPARATOR.length + place.offset
  buffer.writeUIntBE(number, 0, RECORD_LENGTH)
  return buffer
}

const metadata = (kind: string, nodeCount: number): Buffer =>
  encode({
    binary_format_major_version: { uint16: 2 },
    binary_format_minor_version: { uint16: 0 },
    build_epoch: { uint64: 1_700_000_000n },
    database_type: kind,
    description: { en: 'made by a test' },
    ip_version: { uint16: 6 },
    languages: ['en'],
    node_count: { uint32: nodeCount },
    record_size: { uint16: 8 * RECORD_LENGTH },
  })

function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') return field(TYPE.text, Buffer.from(value))
  if (isList(value)) return Buffer.concat([control(TYPE.list, value.length), ...value.map(encode)])
  for (const type of ['uint16', 'uint32', 'uint64'] as const)
    if (type in value)
      return field(TYPE[type], bigEndian(BigInt((value as Record<string, number>)[type] ?? 0)))
  const entries = Object.entries(value as Record<string, MmdbValue>)
  return Buffer.concat([
    control(TYPE.map, entries.length),
    ...entries.flatMap(([key, one]) => [encode(key), encode(one)]),
  ])
}

const isList = (value: MmdbValue): value is readonly MmdbValue[] => Array.isArray(value)

const field = (type: number, content: Buffer): Buffer =>
  Buffer.concat([control(type, content.length), content])

function control(type: number, size: number): Buffer {
  const isShort = size < FIRST_LONG_SIZE
  const sizeBits = isShort ? size : FIRST_LONG_SIZE
  const head = type <= LAST_SHORT_TYPE ? [(type << 5) | sizeBits] : [sizeBits, type - LAST_SHORT_TYPE]
  return Buffer.from(isShort ? head : [...head, size - FIRST_LONG_SIZE])
}

/** Without leading zeros: zero is no bytes at all. */
function bigEndian(number: bigint): Buffer {
  const hex = number === 0n ? '' : number.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
}

/** All 128 bits; of IPv6 addresses only the notation with one `::` and no dots. */
function bitsOf(address: string): string {
  if (address.includes('.'))
    return (
      IPV4_BITS +
      address
        .split('.')
        .map((byte) => bitsOfNumber(BigInt(byte), 8))
        .join('')
    )
  const [front = [], back = []] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const missing = Array.from({ length: 8 - front.length - back.length }, () => '0')
  return [...front, ...missing, ...back].map((group) => bitsOfNumber(BigInt(`0x${group}`), 16)).join('')
}

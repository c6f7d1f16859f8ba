import { createHash } from 'node:crypto'
import { ok, type Result, refuse } from '../result.ts'
import { addressOfBits, bitsOfAddress } from '../values/bits.ts'
import { type Channel, isRoutedGroup } from './channel.ts'

/*
 * What neighbours tell each other, each time all of it:
 *
 *   0x01 (format) | number of joins | number of sources | joins: via, source, group | sources: source, group
 *                   2 bytes           2 bytes             16 bytes each               16 bytes each
 *
 * and what they have of the other one, when that has told something, or when they begin and have nothing:
 *
 *   0x02 (format) | first 8 bytes of the SHA-256 of what the other one told last; zeros: nothing
 */

/** A neighbour wants a channel from us. */
export interface Join extends Channel {
  /** Our link-local address on the link over which it wants it: the next hop of its route to the source. */
  readonly via: string
}

/** All that a neighbour wants from us, and all senders to groups for any source that it knows of. */
export interface MulticastState {
  readonly joins: readonly Join[]
  readonly sources: readonly Channel[]
}

/** Of one who wants nothing and knows nobody. */
export const EMPTY_STATE: MulticastState = { joins: [], sources: [] }

/** Which state a neighbour has of us: {@link digestOf}, or {@link NOTHING}. */
export type StateDigest = string

/** What a neighbour says: its state, or what it has of ours. */
export type MulticastMessage =
  | { readonly kind: 'state'; readonly state: MulticastState }
  | { readonly kind: 'receipt'; readonly digest: StateDigest }

/** More would not fit into a datagram. */
export const MAX_ENTRIES = 1_000

const FORMAT = 1
const RECEIPT_FORMAT = 2
const DIGEST_LENGTH = 8
/** Of one that has no state of ours. */
export const NOTHING: StateDigest = '00'.repeat(DIGEST_LENGTH)
const HEADER_LENGTH = 5
const ADDRESS_LENGTH = 16
const JOIN_LENGTH = 3 * ADDRESS_LENGTH
const SOURCE_LENGTH = 2 * ADDRESS_LENGTH

/** Writes a state; what is beyond `MAX_ENTRIES` of each kind is left out. */
export function encodeMulticastState({ joins, sources }: MulticastState): Buffer {
  const told = { joins: joins.slice(0, MAX_ENTRIES), sources: sources.slice(0, MAX_ENTRIES) }
  const header = Buffer.alloc(HEADER_LENGTH)
  header.writeUInt8(FORMAT, 0)
  header.writeUInt16BE(told.joins.length, 1)
  header.writeUInt16BE(told.sources.length, 3)
  return Buffer.concat([
    header,
    ...told.joins.flatMap(({ via, source, group }) => [via, source, group].map(bytesOfAddress)),
    ...told.sources.flatMap(({ source, group }) => [source, group].map(bytesOfAddress)),
  ])
}

/** Tells states apart, as they were written. */
export const digestOf = (state: Uint8Array): StateDigest =>
  createHash('sha256').update(state).digest().subarray(0, DIGEST_LENGTH).toString('hex')

/** Writes what we have of a neighbour. */
export const encodeReceipt = (digest: StateDigest): Buffer =>
  Buffer.concat([Buffer.of(RECEIPT_FORMAT), Buffer.from(digest, 'hex')])

/** Reads what a neighbour says. */
export function decodeMulticastMessage(bytes: Uint8Array): Result<MulticastMessage> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer[0] === RECEIPT_FORMAT)
    return buffer.length === 1 + DIGEST_LENGTH
      ? ok({ kind: 'receipt', digest: buffer.subarray(1).toString('hex') })
      : refuse('multicast receipt has not its length')
  const state = decodeState(buffer)
  return state.ok ? ok({ kind: 'state', state: state.value }) : state
}

function decodeState(buffer: Buffer): Result<MulticastState> {
  if (buffer.length < HEADER_LENGTH) return refuse('multicast state is cut off')
  if (buffer[0] !== FORMAT) return refuse(`multicast state has the unknown format ${buffer[0]}`)
  const [joinCount, sourceCount] = [buffer.readUInt16BE(1), buffer.readUInt16BE(3)]
  if (joinCount > MAX_ENTRIES || sourceCount > MAX_ENTRIES) return refuse('multicast state is too long')
  const sourcesAt = HEADER_LENGTH + joinCount * JOIN_LENGTH
  if (buffer.length !== sourcesAt + sourceCount * SOURCE_LENGTH)
    return refuse('multicast state has not the length that it says')
  const addressAt = (at: number) => addressOfBytes(buffer.subarray(at, at + ADDRESS_LENGTH))
  const channelAt = (at: number): Channel => ({
    source: addressAt(at),
    group: addressAt(at + ADDRESS_LENGTH),
  })
  const joins = Array.from({ length: joinCount }, (_, index): Join => {
    const at = HEADER_LENGTH + index * JOIN_LENGTH
    return { via: addressAt(at), ...channelAt(at + ADDRESS_LENGTH) }
  })
  const sources = Array.from({ length: sourceCount }, (_, index) =>
    channelAt(sourcesAt + index * SOURCE_LENGTH),
  )
  const strange = [...joins, ...sources].find(
    ({ source, group }) => !isRoutedGroup(group) || source.startsWith('ff'),
  )
  return strange
    ? refuse(`multicast state has a channel from ${strange.source} to ${strange.group}`)
    : ok({ joins, sources })
}

function bytesOfAddress(address: string): Buffer {
  const bits = bitsOfAddress(address)
  if (!bits.ok) throw new Error(bits.reason)
  return Buffer.from(
    BigInt(`0b${bits.value}`)
      .toString(16)
      .padStart(2 * ADDRESS_LENGTH, '0'),
    'hex',
  )
}

const addressOfBytes = (bytes: Uint8Array): string =>
  addressOfBits(Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join(''))

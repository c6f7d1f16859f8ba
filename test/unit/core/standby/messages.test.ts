import { describe, expect, it } from 'vitest'
import {
  encodeFrame,
  type Frame,
  FrameReader,
  MAX_FRAME_LENGTH,
} from '../../../../src/core/standby/frames.ts'
import { decodeMessage, encodeMessage, type PeerMessage } from '../../../../src/core/standby/messages.ts'
import { fc, test } from '../../../support/property.ts'

/** What comes out when these octets arrive in pieces that end where `cuts` say. */
function readInPieces(octets: Buffer, cuts: readonly number[]): Frame[] | string {
  const reader = new FrameReader()
  const frames: Frame[] = []
  const ends = [...new Set(cuts.map((cut) => cut % (octets.length + 1)))].sort((a, b) => a - b)
  let from = 0
  for (const end of [...ends, octets.length]) {
    const read = reader.push(octets.subarray(from, end))
    if (!read.ok) return read.reason
    frames.push(...read.value)
    from = end
  }
  return frames
}

const frame = fc.record({
  kind: fc.constantFrom('message' as const, 'part' as const),
  content: fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
})

describe('frames between the registries of a pair', () => {
  test(
    'are the same again, in whatever pieces they arrive',
    fc.array(frame, { maxLength: 8 }),
    fc.array(fc.nat(), { maxLength: 20 }),
    (frames, cuts) => {
      expect(readInPieces(Buffer.concat(frames.map(encodeFrame)), cuts)).toEqual(frames)
    },
  )

  test(
    'of whatever octets: frames or a reason, and nothing is thrown',
    fc.uint8Array({ maxLength: 400 }),
    fc.array(fc.nat(), { maxLength: 20 }),
    (octets, cuts) => {
      const read = readInPieces(Buffer.from(octets), cuts)
      if (typeof read !== 'string') for (const one of read) decodeMessage(one)
    },
  )

  it('are refused when they would be longer than may be waited for', () => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(MAX_FRAME_LENGTH + 1)
    expect(new FrameReader().push(head).ok).toBe(false)
  })
})

const name = fc.string({ minLength: 1, maxLength: 20 })
const position = fc.record({ generation: name, number: fc.nat() })
const value = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }).map((integer) => ({ integer: String(integer) })),
  fc.uint8Array().map((octets) => ({ octets: Buffer.from(octets).toString('base64') })),
)
const statement = fc.record({ sql: fc.string(), values: fc.array(value), rows: fc.nat() })
const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.constantFrom<PeerMessage>({ kind: 'ask' }, { kind: 'alive' }),
  fc.record({
    kind: fc.constant('state' as const),
    state: fc.record({ role: fc.constantFrom('primary' as const, 'standby' as const), epoch: fc.nat() }),
  }),
  fc.record({
    kind: fc.constant('follow' as const),
    following: fc.record({
      ...{ id: name, epoch: fc.nat(), authority: name, migrations: fc.array(name) },
      position: fc.option(position, { nil: undefined }),
    }),
  }),
  fc.record({ kind: fc.constant('refused' as const), reason: fc.string() }),
  fc.record({ kind: fc.constant('copy' as const), position, length: fc.nat() }),
  fc.record({
    kind: fc.constant('change' as const),
    change: fc.record({ number: fc.nat(), statements: fc.array(statement) }),
  }),
  fc.record({ kind: fc.constant('stored' as const), number: fc.nat() }),
)

describe('messages between the registries of a pair', () => {
  test('are the same again', message, (one) => {
    const read = new FrameReader().push(encodeMessage(one))
    const [only] = read.ok ? read.value : []
    expect(only && decodeMessage(only)).toEqual({ ok: true, value: one })
  })

  test('of whatever JSON: a message or a reason, and nothing is thrown', message, fc.json(), (one, json) => {
    decodeMessage({ kind: 'message', content: Buffer.from(json) })
    // Almost right is the more dangerous.
    for (const key of Object.keys(one)) {
      const damaged = { ...one, [key]: JSON.parse(json) as unknown }
      decodeMessage({ kind: 'message', content: Buffer.from(JSON.stringify(damaged)) })
    }
  })

  it.each([
    ['no position', { kind: 'copy', position: {}, length: 1 }],
    ['a number that is none', { kind: 'stored', number: -1 }],
    [
      'a value of a kind that SQLite has not',
      { kind: 'change', change: { number: 1, statements: [{ sql: '', values: [true], rows: 0 }] } },
    ],
    ['a role that there is not', { kind: 'state', state: { role: 'king', epoch: 1 } }],
  ])('are refused with %s', (_, one) => {
    expect(decodeMessage({ kind: 'message', content: Buffer.from(JSON.stringify(one)) }).ok).toBe(false)
  })
})

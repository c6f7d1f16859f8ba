import { describe, expect, test } from 'vitest'
import { computeMac } from '../../../../../src/core/babel/mac/algorithms.ts'
import { Authenticator, type Verdict } from '../../../../../src/core/babel/mac/authenticator.ts'
import type { MacKey, MacKeys } from '../../../../../src/core/babel/mac/keys.ts'
import { encodePackets } from '../../../../../src/core/babel/wire/encode.ts'
import { BABEL_GROUP } from '../../../../../src/core/babel/wire/numbers.ts'

const key = (octet: number, algorithm: MacKey['algorithm'] = 'blake2s128'): MacKey => ({
  algorithm,
  key: new Uint8Array(16).fill(octet),
})
const only = (...keys: readonly MacKey[]): MacKeys => ({ sign: keys, accept: keys })

/** MACs that were computed, to see what a packet costs. */
let computed = 0
const counting: typeof computeMac = (...args) => {
  computed++
  return computeMac(...args)
}

let drawn = 0
/** A router on a link, and what it says. */
class Station {
  readonly mac: Authenticator
  readonly address: string

  constructor(address: string, keys: MacKeys) {
    this.address = address
    this.mac = new Authenticator({
      address,
      keys,
      compute: counting,
      randomBytes: (count) => new Uint8Array(count).fill(++drawn),
    })
  }

  /** A packet that says nothing of matter. */
  say(to: string = BABEL_GROUP): Uint8Array {
    return this.seal([{ kind: 'wildcard-request' }], to)
  }

  seal(tlvs: Parameters<typeof encodePackets>[0], to: string): Uint8Array {
    const form = { maxBytes: 1000, sender: this.address, nowUs: () => 0 }
    return this.mac.seal(encodePackets(tlvs, form)[0] ?? new Uint8Array(), to)
  }
}

/** Brings a packet to its receiver, and the replies back and forth, until nobody has more to say. */
function deliver(nowMs: number, from: Station, to: Station, destination = BABEL_GROUP): Verdict {
  const verdict = to.mac.receive(nowMs, from.say(destination), from.address, destination)
  converse(nowMs, to, from, verdict)
  return verdict
}

function converse(nowMs: number, speaker: Station, listener: Station, { replies }: Verdict): void {
  if (replies.length === 0) return
  const packet = speaker.seal(replies, listener.address)
  converse(nowMs, listener, speaker, listener.mac.receive(nowMs, packet, speaker.address, listener.address))
}

const pair = (one: MacKeys = only(key(1)), other: MacKeys = one) => ({
  a: new Station('fe80::a', one),
  b: new Station('fe80::b', other),
})

/** Two that have proved themselves to each other. */
function proven(...keys: readonly MacKeys[]) {
  const both = pair(...keys)
  deliver(0, both.a, both.b)
  return both
}

const accepted = { kind: 'accepted', replies: [] }

test('who is new is challenged; then both know each other, after one packet', () => {
  const { a, b } = pair()
  expect(deliver(0, a, b)).toMatchObject({
    kind: 'dropped',
    reason: 'not fresh until it answers a challenge',
    replies: [{ kind: 'challenge-request' }],
  })
  expect(deliver(0, a, b)).toEqual(accepted)
  expect(deliver(0, b, a)).toEqual(accepted)
  expect(deliver(0, b, a, a.address)).toEqual(accepted)
})

test('the packet that answers a challenge is accepted, and the challenge in it is answered', () => {
  const { a, b } = pair()
  const first = b.mac.receive(0, a.say(), a.address, BABEL_GROUP)
  const asked = a.mac.receive(0, b.seal(first.replies, a.address), b.address, a.address)
  expect(asked.replies.map(({ kind }) => kind)).toEqual(['challenge-reply', 'challenge-request'])
  const answered = b.mac.receive(0, a.seal(asked.replies, b.address), a.address, b.address)
  expect(answered).toMatchObject({ kind: 'accepted', replies: [{ kind: 'challenge-reply' }] })
})

describe('what is not accepted', () => {
  test('a packet without a MAC, or with one of another key', () => {
    const { a, b } = proven()
    const plain = encodePackets([{ kind: 'wildcard-request' }], {
      maxBytes: 100,
      sender: a.address,
      nowUs: () => 0,
    })[0] as Uint8Array
    expect(b.mac.receive(0, plain, a.address, BABEL_GROUP)).toMatchObject({ reason: 'no MAC' })
    const stranger = new Station(a.address, only(key(2)))
    expect(b.mac.receive(0, stranger.say(), a.address, BABEL_GROUP)).toMatchObject({ reason: 'wrong MAC' })
  })

  test('a packet of which any octet was changed', () => {
    const { a, b } = proven()
    const packet = a.say()
    for (let at = 0; at < packet.length; at++) {
      const altered = Uint8Array.from(packet)
      altered[at] = (altered[at] ?? 0) ^ 1
      expect([at, b.mac.receive(10_000 * at, altered, a.address, BABEL_GROUP).kind]).toEqual([at, 'dropped'])
    }
  })

  test('a packet from or to another address', () => {
    const { a, b } = proven()
    const packet = a.say()
    expect(b.mac.receive(0, packet, 'fe80::c', BABEL_GROUP).kind).toBe('dropped')
    expect(b.mac.receive(0, packet, a.address, b.address).kind).toBe('dropped')
    expect(b.mac.receive(0, packet, 'nonsense', BABEL_GROUP).kind).toBe('dropped')
  })

  test('a packet that comes again; and that costs no MAC', () => {
    const { a, b } = proven()
    const packet = a.say()
    expect(b.mac.receive(0, packet, a.address, BABEL_GROUP)).toEqual(accepted)
    computed = 0
    expect(b.mac.receive(0, packet, a.address, BABEL_GROUP)).toMatchObject({
      reason: 'replayed',
      replies: [],
    })
    expect(computed).toBe(0)
  })

  test('a packet with its MACs in the body (RFC 8967, 6.1)', () => {
    const { a, b } = proven()
    const packet = a.say()
    const moved = Uint8Array.from(packet)
    moved[2] = (packet.length - 4) >> 8
    moved[3] = (packet.length - 4) & 0xff
    expect(b.mac.receive(0, moved, a.address, BABEL_GROUP)).toMatchObject({ reason: 'no MAC' })
  })

  test('whatever else', () => {
    const { b } = pair()
    for (const octets of [[], [42], [42, 2, 0, 9], [1, 2, 3, 4, 5, 6]])
      expect(b.mac.receive(0, Uint8Array.from(octets), 'fe80::a', BABEL_GROUP)).toMatchObject({
        reason: 'not a Babel packet',
      })
  })
})

describe('reordering (RFC 9467)', () => {
  test('packets may overtake each other, each is accepted once', () => {
    const { a, b } = proven()
    const packets = Array.from({ length: 100 }, () => a.say()).reverse()
    for (const packet of packets) expect(b.mac.receive(0, packet, a.address, BABEL_GROUP)).toEqual(accepted)
    for (const packet of packets)
      expect(b.mac.receive(0, packet, a.address, BABEL_GROUP)).toMatchObject({ reason: 'replayed' })
  })

  test('multicast packets may be late by any number of unicast ones', () => {
    const { a, b } = proven()
    const late = a.say()
    for (let each = 0; each < 1000; each++) deliver(0, a, b, b.address)
    expect(b.mac.receive(0, late, a.address, BABEL_GROUP)).toEqual(accepted)
  })
})

describe('a neighbour that began anew', () => {
  test('proves itself; its old packets, sent again by another, do not end that', () => {
    const { a, b } = proven()
    const old = a.say()
    const again = new Station(a.address, only(key(1)))
    // The rest of the exchange: its answer, and the one of the other side.
    deliver(1000, again, b)
    expect(deliver(1000, again, b)).toEqual(accepted)
    const verdict = b.mac.receive(2000, old, a.address, BABEL_GROUP)
    expect(verdict).toMatchObject({ kind: 'dropped', replies: [{ kind: 'challenge-request' }] })
    expect(deliver(2000, again, b)).toEqual(accepted)
  })

  test('and is not accepted by an old answer to an old challenge', () => {
    const { a, b } = pair()
    const first = b.mac.receive(0, a.say(), a.address, BABEL_GROUP)
    const asked = a.mac.receive(0, b.seal(first.replies, a.address), b.address, a.address)
    const answer = a.seal(asked.replies, b.address)
    expect(b.mac.receive(0, answer, a.address, b.address).kind).toBe('accepted')
    expect(b.mac.receive(0, answer, a.address, b.address).kind).toBe('dropped')
    b.mac.forget(a.address)
    expect(b.mac.receive(1000, answer, a.address, b.address).kind).toBe('dropped')
    expect(b.mac.receive(2000, a.say(), a.address, BABEL_GROUP).kind).toBe('dropped')
  })

  test('a challenge ends after 30 s', () => {
    const { a, b } = pair()
    const first = b.mac.receive(0, a.say(), a.address, BABEL_GROUP)
    const asked = a.mac.receive(0, b.seal(first.replies, a.address), b.address, a.address)
    const answer = a.seal(asked.replies, b.address)
    expect(b.mac.receive(30_000, answer, a.address, b.address).kind).toBe('dropped')
  })

  test('on a way of a second, the first challenge is answered in time', () => {
    const { a, b } = pair()
    const challenges = [0, 400, 800].map((nowMs) => b.mac.receive(nowMs, a.say(), a.address, BABEL_GROUP))
    const asked = a.mac.receive(500, b.seal(challenges[0]?.replies ?? [], a.address), b.address, a.address)
    expect(b.mac.receive(1000, a.seal(asked.replies, b.address), a.address, b.address)).toMatchObject({
      kind: 'accepted',
    })
  })

  test('when it said nothing for five minutes, it proves itself again', () => {
    const { a, b } = proven()
    expect(deliver(299_000, a, b)).toEqual(accepted)
    expect(deliver(598_000, a, b)).toEqual(accepted)
    expect(deliver(898_000, a, b).kind).toBe('dropped')
    expect(deliver(898_000, a, b)).toEqual(accepted)
  })
})

describe('limits', () => {
  test('challenges and answers come every 300 ms at most', () => {
    const { a, b } = pair()
    const challenges = Array.from({ length: 1000 }, (_, nowMs) =>
      b.mac.receive(nowMs, a.say(), a.address, BABEL_GROUP),
    )
    expect(challenges.filter(({ replies }) => replies.length > 0).length).toBeLessThanOrEqual(4)
    const request = { kind: 'challenge-request', nonce: Uint8Array.of(1) } as const
    const answers = Array.from({ length: 1000 }, (_, nowMs) =>
      b.mac.receive(5000 + nowMs, a.seal([request], b.address), a.address, b.address),
    )
    const replies = answers.flatMap((verdict) => verdict.replies)
    expect(replies.filter(({ kind }) => kind === 'challenge-reply').length).toBeLessThanOrEqual(4)
  })

  test('a challenge to the group is not answered', () => {
    const { a, b } = proven()
    const request = { kind: 'challenge-request', nonce: Uint8Array.of(1) } as const
    expect(b.mac.receive(9000, a.seal([request], BABEL_GROUP), a.address, BABEL_GROUP)).toEqual(accepted)
  })

  test('of a flood of wrong MACs a part is computed, nothing is remembered, and who is known is heard', () => {
    const { a, b } = proven()
    const before = b.mac.peers
    computed = 0
    const flood = new Station('fe80::bad', only(key(9)))
    const packet = flood.say()
    computed = 0
    for (let each = 0; each < 10_000; each++)
      b.mac.receive(each / 10, packet, `fe80::${each.toString(16)}`, BABEL_GROUP)
    expect(computed).toBeLessThan(5000)
    expect(b.mac.peers).toBe(before)
    expect(deliver(1000, a, b)).toEqual(accepted)
  })

  test('the same under the address of who is known', () => {
    const { a, b } = proven()
    const packet = new Station(a.address, only(key(9))).say()
    computed = 0
    for (let each = 0; each < 10_000; each++) b.mac.receive(each / 10, packet, a.address, BABEL_GROUP)
    expect(computed).toBeLessThan(5000)
    expect(deliver(1000, a, b)).toEqual(accepted)
  })

  test('nor does whoever imitates a neighbour, its index and counter too, take all its packets away', () => {
    const { a, b } = proven()
    const heard = { known: 0, other: 0 }
    const c = new Station('fe80::c', only(key(1)))
    for (let nowMs = 0; nowMs < 2_500; nowMs++) {
      const forged = a.say()
      forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
      for (let each = 0; each < 8; each++) {
        b.mac.receive(nowMs, forged, a.address, BABEL_GROUP)
        b.mac.receive(nowMs, forged, `fe80::1:${each}`, BABEL_GROUP)
      }
      // Its own packets come now and then.
      if (nowMs % 51 !== 0) continue
      if (deliver(nowMs, a, b).kind === 'accepted') heard.known++
      if (deliver(nowMs, c, b).kind === 'accepted') heard.other++
    }
    expect(heard.known).toBeGreaterThan(5)
    expect(heard.other).toBeGreaterThan(5)
  })

  test('and of old packets of another time', () => {
    const { a, b } = proven()
    const old = new Station(a.address, only(key(1))).say()
    computed = 0
    for (let each = 0; each < 10_000; each++) b.mac.receive(each / 10, old, a.address, BABEL_GROUP)
    expect(computed).toBeLessThan(5000)
    expect(deliver(1000, a, b)).toEqual(accepted)
  })

  test('whoever has a key and many addresses fills no memory', () => {
    const { a, b } = proven()
    for (let each = 0; each < 10_000; each++) {
      const one = new Station(`fe80::1:${each.toString(16)}`, only(key(1)))
      b.mac.receive(each * 10, one.say(), one.address, BABEL_GROUP)
    }
    expect(b.mac.peers).toBeLessThan(300)
    expect(deliver(100_000, a, b)).toEqual(accepted)
  })
})

describe('keys', () => {
  test.each([
    ['of both kinds at once', only(key(1), key(2, 'hmac-sha256'))],
    ['of HMAC-SHA256', only(key(1, 'hmac-sha256'))],
  ])('%s', (_, keys) => {
    const { a, b } = proven(keys)
    expect(deliver(0, a, b)).toEqual(accepted)
  })

  test('one of many is enough', () => {
    const { a, b } = proven(only(key(1), key(2)), only(key(2), key(3)))
    expect(deliver(0, a, b)).toEqual(accepted)
    expect(deliver(0, b, a)).toEqual(accepted)
  })

  test('the overhead is what sealing adds', () => {
    for (const keys of [only(), only(key(1)), only(key(1), key(2, 'hmac-sha256'))]) {
      const { a } = pair(keys)
      const plain = Uint8Array.of(42, 2, 0, 2, 1, 0)
      expect(a.mac.seal(plain, BABEL_GROUP).length - plain.length).toBe(a.mac.overhead)
    }
  })

  test('a rotation, step by step on either side, loses not one packet', () => {
    const { a, b } = proven()
    const old = key(1)
    const next = key(2)
    const steps: readonly MacKeys[] = [
      { sign: [old], accept: [old, next] },
      only(old, next),
      { sign: [next], accept: [old, next] },
      only(next),
    ]
    for (const keys of steps)
      for (const station of [a, b]) {
        station.mac.setKeys(keys)
        expect([deliver(1, a, b), deliver(1, b, a)]).toEqual([accepted, accepted])
      }
  })

  test('while a network turns authentication on, anything is accepted, and challenges are answered', () => {
    const { a, b } = pair({ sign: [key(1)], accept: 'anything' }, only(key(1)))
    expect(a.mac.receive(0, Uint8Array.of(42, 2, 0, 2, 1, 0), b.address, BABEL_GROUP)).toEqual(accepted)
    expect(deliver(0, a, b).kind).toBe('dropped')
    expect(deliver(0, a, b)).toEqual(accepted)
    expect(a.mac.receive(0, Uint8Array.of(1), b.address, BABEL_GROUP).kind).toBe('dropped')
    a.mac.setKeys(only(key(1)))
    expect(deliver(1000, b, a)).toEqual(accepted)
  })

  test('when both have turned it on, not one packet is lost', () => {
    const trial = { sign: [key(1)], accept: 'anything' } as const
    const { a, b } = pair(trial)
    for (const nowMs of [0, 1000])
      expect([deliver(nowMs, a, b).kind, deliver(nowMs, b, a).kind]).toEqual(['accepted', 'accepted'])
    a.mac.setKeys(only(key(1)))
    expect([deliver(2000, a, b), deliver(2000, b, a)]).toEqual([accepted, accepted])
    b.mac.setKeys(only(key(1)))
    expect([deliver(3000, a, b), deliver(3000, b, a)]).toEqual([accepted, accepted])
  })

  test('meanwhile strangers get a limited number of answers, whatever their addresses; without keys, none', () => {
    const answered = (keys: MacKeys) => {
      const { a } = pair(keys)
      const stranger = pair({ sign: [], accept: 'anything' }).b
      const request = stranger.seal([{ kind: 'challenge-request', nonce: Uint8Array.of(1) }], a.address)
      const verdicts = Array.from({ length: 10_000 }, (_, each) =>
        a.mac.receive(each / 10, request, `fe80::${each.toString(16)}`, a.address),
      )
      expect(verdicts.every(({ kind }) => kind === 'accepted')).toBe(true)
      return verdicts.flatMap(({ replies }) => replies).length
    }
    const some = answered({ sign: [key(1)], accept: 'anything' })
    expect(some).toBeGreaterThan(0)
    expect(some).toBeLessThan(500)
    expect(answered({ sign: [], accept: 'anything' })).toBe(0)
  })

  test('with something that makes MACs of another length, a packet is refused', () => {
    const { a } = pair()
    const options = { address: 'fe80::c', keys: only(key(1)), randomBytes: () => new Uint8Array(8) }
    const other = new Authenticator({ ...options, compute: () => new Uint8Array() })
    expect(other.receive(0, a.say(), a.address, BABEL_GROUP)).toMatchObject({ reason: 'wrong MAC' })
  })

  test('without keys to sign with, packets stay as they are', () => {
    const { a } = pair({ sign: [], accept: 'anything' })
    const plain = Uint8Array.of(42, 2, 0, 2, 1, 0)
    expect(a.mac.seal(plain, BABEL_GROUP)).toBe(plain)
  })
})

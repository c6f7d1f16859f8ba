import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  encodeFingerprintHello0,
  encodeHello,
  encodeHello0,
  encodeMessage,
} from '../../../../src/core/session/datagram.ts'
import { nodeAddress, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { copySignedBy } from '../../../support/certificates.ts'
import { memoryInUse } from '../../../support/memory.ts'
import { fc, test } from '../../../support/property.ts'
import { deliver, RECORDED_MS, recordedCertificate, SessionNode } from '../../../support/sessions.ts'

const HELLO = Buffer.from('\x04hello')
const START_MS = RECORDED_MS + 1_000
const DAY_MS = 24 * 3600 * 1000
/** Back to a time at which the recorded certificates are valid. */
const MINUTES_MS = 10 * 60_000
const TOO_MANY = 'too many certificates to verify at the moment'

const pair = () => {
  const [a, b] = [new SessionNode('node-a', RECORDED_MS, 1), new SessionNode('node-b', RECORDED_MS, 2)]
  return { a, b, both: [a, b] as const }
}
type Pair = ReturnType<typeof pair>

const connected = () => {
  const nodes = pair()
  nodes.a.sessions.send(nodes.b.certificate.prefix, HELLO, START_MS)
  deliver(nodes.both, START_MS)
  nodes.b.received.length = 0
  return nodes
}

/** Whether something that one says arrives at the other, within the time of a handshake. */
function isHeard({ both }: Pick<Pair, 'both'>, from: SessionNode, to: SessionNode, nowMs: number): boolean {
  to.received.length = 0
  from.sessions.send(to.certificate.prefix, HELLO, nowMs)
  for (let second = 0; second < 10; second++) {
    deliver(both, nowMs + 1_000 * second)
    for (const { sessions } of both) sessions.tick(nowMs + 1_000 * (second + 1))
  }
  return to.received.length > 0
}

/** An address in the network that no node has. */
const strangerAddress = (number: number): string => `2001:db8:42:${(0x1000 + number).toString(16)}::1`

describe('a hello0 with a certificate', () => {
  const addressOf = (name: string) => {
    const { authority } = pair().a
    return nodeAddress(authority.network, recordedCertificate(name).prefix)
  }
  const refused = async (
    der: Uint8Array,
    address: string,
    prepare: (node: SessionNode) => void = () => {},
  ) => {
    const { b } = pair()
    prepare(b)
    for (const datagram of [
      encodeHello0(der),
      encodeFingerprintHello0(10, b.certificate.fingerprintSha1, der),
    ])
      b.sessions.receive(datagram, { address }, START_MS)
    expect(b.sent).toEqual([])
    return b.ignored[0]
  }

  it('that was revoked is ignored', async () => {
    const { der, serial } = recordedCertificate('node-d')
    const reason = await refused(der, addressOf('node-d'), ({ sessions }) =>
      sessions.setRevoked(new Set([serial])),
    )
    expect(reason).toBe('the certificate is revoked')
  })

  it('that has expired, or is not yet valid, is ignored', async () => {
    expect(await refused(recordedCertificate('expired').der, addressOf('expired'))).toMatch(/expired/)
    expect(await refused(recordedCertificate('not-yet-valid').der, addressOf('not-yet-valid'))).toMatch(
      /not yet valid/,
    )
  })

  it('of another CA is ignored, also when it says that it is ours', async () => {
    const forged = await copySignedBy(recordedCertificate('node-a'), 'other-ca')
    expect(await refused(forged.der, addressOf('node-a'))).toBe('the signature of the certificate is wrong')
  })

  it('of another subnet than that it comes from is ignored', async () => {
    const { der } = recordedCertificate('node-a')
    expect(await refused(der, addressOf('node-d'))).toBe('the certificate of another subnet')
    expect(await refused(der, '2001:db8:43:1::1')).toBe('its source address is not in the network')
  })

  it('that expires while the session lasts is ignored from then on', () => {
    const { a, b } = connected()
    b.wallOffsetMs = a.certificate.notAfterMs
    b.sessions.receive(encodeHello0(a.certificate.der), { address: a.address }, START_MS)
    expect(b.ignored).toEqual(['the certificate has expired'])
  })
})

describe('what was said before', () => {
  it('does nothing when it is said again: hello0, hello and messages', () => {
    const nodes = pair()
    const { a, b } = nodes
    const recorded: { to: SessionNode; datagram: Buffer; from: SessionNode }[] = []
    a.sessions.send(b.certificate.prefix, HELLO, START_MS)
    for (let round = 0; round < 5; round++)
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const)
        for (const { datagram } of from.sent.splice(0)) {
          recorded.push({ from, to, datagram })
          to.sessions.receive(datagram, { address: from.address }, START_MS)
        }
    const received = [a, b].map((node) => node.received.length)
    for (const { from, to, datagram } of recorded)
      to.sessions.receive(datagram, { address: from.address }, START_MS + 5_000)
    expect([a, b].map((node) => node.received.length)).toEqual(received)
    for (const node of [a, b]) node.sent.length = 0
    expect(isHeard(nodes, a, b, START_MS + 6_000)).toBe(true)
    expect(isHeard(nodes, b, a, START_MS + 20_000)).toBe(true)
  })

  it('to a node before it was started again is of no use to anybody', () => {
    const { a, b } = pair()
    a.sessions.send(b.certificate.prefix, HELLO, START_MS)
    const before: Buffer[] = []
    for (let round = 0; round < 5; round++) {
      for (const { datagram } of a.sent.splice(0)) {
        before.push(datagram)
        b.sessions.receive(datagram, { address: a.address }, START_MS)
      }
      for (const { datagram } of b.sent.splice(0))
        a.sessions.receive(datagram, { address: b.address }, START_MS)
    }
    const again = new SessionNode('node-b', START_MS + 10_000, 3)
    for (const datagram of before) again.sessions.receive(datagram, { address: a.address }, START_MS + 10_000)
    expect(again.received).toEqual([])
    expect(again.begun).toEqual([])
  })
})

describe('bytes that were damaged on their way', () => {
  const nodes = connected()
  const { a, b } = nodes
  let nowMs = START_MS
  const kinds = [
    encodeHello0(a.certificate.der),
    encodeFingerprintHello0(10, b.certificate.fingerprintSha1, a.certificate.der),
    encodeHello(10, randomBytes(256), randomBytes(256)),
    encodeMessage(3, HELLO, randomBytes(20)),
  ]

  test(
    'are ignored, whatever they were: bits flipped, the end missing, something behind it',
    fc.constantFrom(...kinds),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
    fc.nat(),
    fc.uint8Array({ maxLength: 50 }),
    (datagram, flips, cut, more) => {
      const damaged = Buffer.concat([datagram.subarray(0, datagram.length - (cut % 60)), more])
      for (const [at, flip] of flips)
        damaged[at % damaged.length] = (damaged[at % damaged.length] ?? 0) ^ flip
      if (kinds.some((kind) => kind.equals(damaged))) return
      nowMs += 1_000
      nodes.b.sessions.receive(damaged, { address: nodes.a.address }, nowMs)
      expect(nodes.b.received).toEqual([])
    },
  )

  it('end no session', () => {
    expect(isHeard(nodes, nodes.a, nodes.b, nowMs + 1_000)).toBe(true)
  })

  it('of 64 KiB are not even looked at', () => {
    const { b } = pair()
    for (const sequence of [0, 1, 2, 3]) {
      const datagram = Buffer.alloc(65_507, 1)
      datagram.writeUInt32BE(sequence)
      b.sessions.receive(datagram, { address: a.address }, START_MS)
    }
    expect(new Set(b.ignored)).toEqual(new Set(['longer than anything that a node says']))
  })
})

describe('under a flood of hello0', () => {
  const flood = (node: SessionNode, nowMs: number, count: number, addressOf: (number: number) => string) => {
    const { der } = recordedCertificate('expired')
    for (let number = 0; number < count; number++)
      node.sessions.receive(encodeHello0(der), { address: addressOf(number) }, nowMs)
  }
  const spoofed = (number: number) => strangerAddress(number % 50_000)

  it('a node verifies at most a hundred certificates of strangers a second', () => {
    const { b } = pair()
    for (let tenth = 0; tenth < 100; tenth++)
      flood(b, START_MS + 100 * tenth, 500, (n) => spoofed(500 * tenth + n))
    const verified = b.ignored.filter((reason) => reason !== TOO_MANY).length
    expect(verified).toBeGreaterThan(900)
    expect(verified).toBeLessThanOrEqual(1_100)
  })

  it('a stranger gets in beside one that floods from one subnet', () => {
    const nodes = pair()
    flood(nodes.b, START_MS, 10_000, () => strangerAddress(1))
    expect(isHeard(nodes, nodes.a, nodes.b, START_MS)).toBe(true)
  })

  it('a peer that is known gets through beside a flood from everywhere, from its own subnet too', () => {
    const nodes = connected()
    const { a, b } = nodes
    for (let second = 0; second < 5; second++) {
      flood(b, START_MS + 1_000 * second, 5_000, spoofed)
      flood(b, START_MS + 1_000 * second, 5_000, () => a.address)
      expect(isHeard(nodes, a, b, START_MS + 1_000 * second)).toBe(true)
    }
    // With a new handshake, as after a minute without an answer.
    b.sessions.setRevoked(new Set([a.certificate.serial]))
    b.sessions.setRevoked(new Set())
    expect(isHeard(nodes, b, a, START_MS + 120_000)).toBe(true)
  })

  it('a node to which we want to speak ourselves gets in beside a flood from everywhere', () => {
    const nodes = pair()
    const { a, b } = nodes
    b.sessions.send(a.certificate.prefix, HELLO, START_MS)
    flood(b, START_MS, 20_000, spoofed)
    expect(isHeard(nodes, b, a, START_MS)).toBe(true)
  })

  it('one peer does not make us sign more than once a second', () => {
    const { a, b } = connected()
    b.sent.length = 0
    const hello0 = encodeFingerprintHello0(10, b.certificate.fingerprintSha1, a.certificate.der)
    for (let number = 0; number < 10_000; number++)
      b.sessions.receive(hello0, { address: a.address }, START_MS + number)
    expect(b.sent.length).toBeGreaterThan(10)
    expect(b.sent.length).toBeLessThanOrEqual(15)
  })

  it('one that has a session does not make us answer more than ten times a second', () => {
    const { a, b } = connected()
    for (let number = 0; number < 10_000; number++) a.sessions.send(b.certificate.prefix, HELLO, START_MS)
    for (const [number, { datagram }] of a.sent.splice(0).entries())
      b.sessions.receive(datagram, { address: a.address }, START_MS + number)
    expect(b.received.length).toBeLessThanOrEqual(150)
    expect(b.received.length).toBeGreaterThanOrEqual(100)
  })
})

it('100,000 datagrams of all kinds leave no memory behind', () => {
  const { a, b } = connected()
  const hello0 = encodeHello0(recordedCertificate('expired').der)
  const kinds: ((number: number) => [datagram: Buffer, address: string])[] = [
    (number) => [randomBytes(40 + (number % 400)), a.address],
    (number) => [hello0, strangerAddress(number % 60_000)],
    (number) => [hello0, `2001:db8:43:${(number % 65_536).toString(16)}::1`],
    () => [encodeHello0(a.certificate.der), a.address],
    (number) => [encodeMessage(number + 3, HELLO, randomBytes(20)), a.address],
  ]
  const send = (count: number, atMs: number) => {
    for (let number = 0; number < count; number++) {
      const [datagram, address] = kinds[number % kinds.length]?.(number) ?? [Buffer.alloc(0), '']
      b.sessions.receive(datagram, { address }, atMs + number / 50)
      b.ignored.length = 0
      b.sent.length = 0
    }
  }
  send(20_000, START_MS)
  const before = memoryInUse()
  send(100_000, START_MS + 1_000)
  expect(memoryInUse() - before).toBeLessThan(4 << 20)
}, 180_000)

describe('a clock that is set', () => {
  it.each([
    ['forward', DAY_MS],
    ['back', -DAY_MS],
  ])('%s by a day while a session lasts changes nothing', (_, offsetMs) => {
    const nodes = connected()
    nodes.a.wallOffsetMs = offsetMs
    expect(isHeard(nodes, nodes.a, nodes.b, START_MS + 1_000)).toBe(true)
    expect(isHeard(nodes, nodes.b, nodes.a, START_MS + 20_000)).toBe(true)
  })

  it.each([
    ['forward', DAY_MS],
    ['back', -DAY_MS],
  ])('%s by a day, and right again: new sessions are made each time, whoever begins', (_, offsetMs) => {
    const nodes = connected()
    const { a, b } = nodes
    let nowMs = START_MS
    for (const wallOffsetMs of [offsetMs, 0, offsetMs, 0])
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        a.wallOffsetMs = wallOffsetMs
        // What is not answered for a minute ends the session.
        nowMs += 200_000
        from.sessions.send(to.certificate.prefix, HELLO, nowMs)
        from.sent.length = 0
        nowMs += 61_000
        expect(isHeard(nodes, from, to, nowMs), `${wallOffsetMs} ${from.certificate.subnetName}`).toBe(true)
      }
  })

  it('a peer was started while its clock was a day ahead: sessions are made when it is right', () => {
    const a = new SessionNode('node-a', RECORDED_MS, 1, DAY_MS)
    const b = new SessionNode('node-b', RECORDED_MS, 2)
    const nodes = { both: [a, b] as const }
    a.wallOffsetMs = 0
    expect(isHeard(nodes, b, a, START_MS)).toBe(true)
    expect(isHeard(nodes, a, b, START_MS + 200_000)).toBe(true)
  })

  it('a peer was started anew after its clock was set back: sessions are made, whoever begins', () => {
    for (const first of ['ours', 'its']) {
      const { b } = connected()
      const again = new SessionNode('node-a', START_MS + 100_000, 3, -MINUTES_MS)
      const nodes = { both: [again, b] as const }
      const [from, to] = first === 'ours' ? [b, again] : [again, b]
      from.sessions.send(to.certificate.prefix, HELLO, START_MS + 100_000)
      from.sent.length = 0
      const heard = isHeard(nodes, from, to, START_MS + 161_000)
      expect(heard, first).toBe(true)
    }
  })
})

it('a prefix that is too long for an address, or empty, is nobody to speak to', () => {
  const { a } = pair()
  for (const bits of ['', '01'.repeat(50)]) a.sessions.send(prefixOfBits(bits), HELLO, START_MS)
  a.sessions.tick(START_MS + 5_000)
  expect(a.sent).toEqual([])
  expect(a.ignored).toEqual(['there can be no such node', 'there can be no such node'])
})

describe('what is not proved takes nothing from the peer in whose name it is said', () => {
  const garbageHello = () => encodeHello(10, randomBytes(256), randomBytes(256))
  const spoof = (to: SessionNode, as: SessionNode, datagram: Buffer, nowMs: number, port?: number) =>
    to.sessions.receive(datagram, { address: as.address, ...(port === undefined ? {} : { port }) }, nowMs)
  /** A handshake in steps: what each sends is delivered when the test says. */
  const step = (from: SessionNode, to: SessionNode, nowMs: number) => {
    for (const { datagram } of from.sent.splice(0))
      to.sessions.receive(datagram, { address: from.address }, nowMs)
  }

  it('a flood of hellos with wrong signatures does not lock it out', () => {
    const nodes = connected()
    const { a, b } = nodes
    b.sessions.setRevoked(new Set([a.certificate.serial]))
    b.sessions.setRevoked(new Set())
    for (let tenth = 0; tenth < 600; tenth++) spoof(b, a, garbageHello(), START_MS + 60_000 + 100 * tenth)
    expect(isHeard(nodes, b, a, START_MS + 120_000)).toBe(true)
  })

  it('nor does one in the midst of its handshake', () => {
    const { a, b } = pair()
    b.sessions.send(a.certificate.prefix, HELLO, START_MS)
    step(b, a, START_MS)
    step(a, b, START_MS)
    for (let count = 0; count < 30; count++) spoof(b, a, garbageHello(), START_MS + 33 * count)
    step(b, a, START_MS + 1_000)
    step(a, b, START_MS + 1_000)
    step(b, a, START_MS + 1_000)
    expect(a.received).toHaveLength(1)
  })

  it('hello0s that are repeated do not undo a handshake: the offer that was made counts', () => {
    const { a, b } = pair()
    const hello0 = encodeFingerprintHello0(10, b.certificate.fingerprintSha1, a.certificate.der)
    a.sessions.send(b.certificate.prefix, HELLO, START_MS)
    step(a, b, START_MS)
    step(b, a, START_MS)
    step(a, b, START_MS)
    const [offer] = b.sent.splice(0)
    for (let second = 0; second < 5; second++) spoof(b, a, hello0, START_MS + 1_000 * second)
    b.sent.length = 0
    if (offer) a.sessions.receive(offer.datagram, { address: b.address }, START_MS + 5_000)
    step(a, b, START_MS + 5_000)
    expect(b.received).toHaveLength(1)
  })

  it('nor do hello0s from other addresses of its subnet, however many', () => {
    const { a, b } = pair()
    const hello0s = [
      encodeHello0(a.certificate.der),
      encodeFingerprintHello0(10, b.certificate.fingerprintSha1, a.certificate.der),
    ]
    const elsewhere = a.address.replace(/1$/, 'bad')
    for (let tenth = 0; tenth < 600; tenth++)
      for (const hello0 of hello0s) b.sessions.receive(hello0, { address: elsewhere }, START_MS + 100 * tenth)
    b.sent.length = 0
    const nowMs = START_MS + 59_910
    a.sessions.send(b.certificate.prefix, HELLO, nowMs)
    for (let round = 0; round < 3; round++) {
      step(a, b, nowMs)
      step(b, a, nowMs)
    }
    expect(b.received).toHaveLength(1)
  })

  it('answers go to the port of the nodes, from whichever port it was said', () => {
    const { a, b } = pair()
    const hello0 = encodeFingerprintHello0(10, b.certificate.fingerprintSha1, a.certificate.der)
    spoof(b, a, encodeHello0(a.certificate.der), START_MS, 40_000)
    spoof(b, a, hello0, START_MS, 40_000)
    expect(b.sent.map(({ to }) => to)).toEqual([{ address: a.address }, { address: a.address }])
  })

  it('an older certificate does not replace a newer one, nor end the session', () => {
    const [a, b] = [new SessionNode('node-b', RECORDED_MS, 1), new SessionNode('node-a', RECORDED_MS, 2)]
    const older = recordedCertificate('node-b')
    expect(older.serial).toBeLessThan(a.certificate.serial)
    a.sessions.send(b.certificate.prefix, HELLO, START_MS)
    deliver([a, b], START_MS)
    expect(b.received).toHaveLength(1)
    spoof(b, a, encodeHello0(older.der), START_MS + 1_000)
    expect(b.ignored).toEqual(['an older certificate than the one that the peer has'])
    expect(isHeard({ both: [a, b] }, a, b, START_MS + 2_000)).toBe(true)
  })

  it('a renewed certificate with the same key keeps the session', () => {
    const [a, b] = [new SessionNode('node-b', RECORDED_MS, 1), new SessionNode('node-a', RECORDED_MS, 2)]
    const [older, newer] = [recordedCertificate('node-b'), a.certificate]
    a.sessions.setIdentity({ authority: a.authority, certificate: older, privateKey: a.privateKey })
    a.sessions.send(b.certificate.prefix, HELLO, START_MS)
    deliver([a, b], START_MS)
    spoof(b, a, encodeHello0(newer.der), START_MS + 1_000)
    expect(newer.publicKey.equals(older.publicKey)).toBe(true)
    expect(b.sessions.isConnected(a.certificate.prefix, START_MS + 1_000)).toBe(true)
  })

  it("our own messages that come back are not taken for the peer's", () => {
    const nodes = connected()
    const { a, b } = nodes
    a.received.length = 0
    for (let count = 0; count < 3; count++)
      a.sessions.send(b.certificate.prefix, HELLO, START_MS + 1_000 + count)
    a.ignored.length = 0
    const ours = a.sent.splice(0)
    for (const { datagram } of ours) a.sessions.receive(datagram, { address: b.address }, START_MS + 2_000)
    expect(a.received).toEqual([])
    expect(a.ignored.every((reason) => /our own|already/.test(reason))).toBe(true)
    expect(a.ignored).toContain('a message of our own that came back')
    // They still wait for an answer.
    a.sessions.tick(START_MS + 3_000)
    expect(a.sent.length).toBeGreaterThan(0)
    expect(isHeard(nodes, b, a, START_MS + 4_000)).toBe(true)
  })

  it('keys that are slow to compute with do not take more of the processor than others', () => {
    const slow = new SessionNode('node-b', RECORDED_MS, 2, 0, 12)
    const { a } = pair()
    const hello0 = encodeFingerprintHello0(10, slow.certificate.fingerprintSha1, a.certificate.der)
    let answered = 0
    for (let second = 0; second < 100; second++) {
      spoof(slow, a, hello0, START_MS + 1_000 * second)
      for (let count = 0; count < 50; count++) {
        a.sessions.send(slow.certificate.prefix, HELLO, START_MS + 1_000 * second)
        spoof(slow, a, garbageHello(), START_MS + 1_000 * second + count)
      }
      answered++
    }
    expect(answered).toBe(100)
    // 5 % of a hundred seconds for all, as much in reserve, 2 % for certificates, and what may come at once.
    expect(slow.computedMs).toBeLessThan(13_000)
  })
})

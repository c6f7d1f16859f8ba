import { describe, expect, it } from 'vitest'
import { encodeFingerprintHello0, encodeHello0 } from '../../../../src/core/session/datagram.ts'
import { MESSAGE_CODE } from '../../../../src/core/session/message-codes.ts'
import { decodeMessageBody, encodeMessageBody, type Message } from '../../../../src/core/session/messages.ts'
import { decodeRegistryDatagram, encodeRegistryDatagram } from '../../../../src/core/session/registry-link.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { fc, test } from '../../../support/property.ts'
import { deliver, RECORDED_MS, SessionNode } from '../../../support/sessions.ts'

const HELLO = Buffer.from('\x04hello')

const pair = () => {
  const [a, b] = [new SessionNode('node-a', RECORDED_MS, 1), new SessionNode('node-b', RECORDED_MS, 2)]
  return { a, b, both: [a, b] as const }
}

describe('two nodes that know nothing of each other', () => {
  it('make a session, and what waited is delivered, answered and acknowledged', () => {
    const { a, b, both } = pair()
    b.answer = () => Buffer.from('\x04here')
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 1_000)
    deliver(both, RECORDED_MS + 1_000)
    expect(b.received.map(({ body }) => Buffer.from(body))).toEqual([HELLO])
    expect(a.received.map(({ body }) => Buffer.from(body).toString())).toEqual(['\x04here'])
    expect(b.received[0]).toMatchObject({ prefix: a.certificate.prefix, protocol: 10 })
    expect([a.ignored, b.ignored]).toEqual([[], []])
    expect(a.sessions.isConnected(b.certificate.prefix, RECORDED_MS + 100_000)).toBe(true)
  })

  it('say once what waited, however often it was to be said, for as long as it was said again', () => {
    const { a, b, both } = pair()
    for (const second of [1, 4, 8, 16, 24]) {
      a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 1000 * second)
      a.sent.length = 0 // lost
    }
    a.sessions.tick(RECORDED_MS + 32_000)
    deliver(both, RECORDED_MS + 32_000)
    expect(b.received.map(({ body }) => Buffer.from(body))).toEqual([HELLO])
  })

  it('make one session when both begin at the same moment', () => {
    const { a, b, both } = pair()
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 1_000)
    b.sessions.send(a.certificate.prefix, HELLO, RECORDED_MS + 1_000)
    deliver(both, RECORDED_MS + 1_000)
    expect([a.received.length, b.received.length]).toEqual([1, 1])
  })
})

it('a hello0 is answered once in two seconds, unless there was no way for the answer', () => {
  const { a, b } = pair()
  const askedAt = (nowMs: number) => {
    a.sessions.send(b.certificate.prefix, HELLO, nowMs)
    a.sessions.tick(nowMs)
    for (const { datagram } of a.sent.splice(0)) b.sessions.receive(datagram, { address: a.address }, nowMs)
    return b.sent.splice(0).length
  }
  expect(askedAt(RECORDED_MS + 1_000)).toBe(1)
  const hello0 = encodeHello0(a.certificate.der)
  const again = (nowMs: number) => {
    b.sessions.receive(hello0, { address: a.address }, nowMs)
    return b.sent.splice(0).length
  }
  expect(again(RECORDED_MS + 2_500)).toBe(0)
  b.sessions.unsent(a.address)
  b.sessions.unsent('192.0.2.1')
  expect(again(RECORDED_MS + 2_600)).toBe(1)
  expect(again(RECORDED_MS + 4_000)).toBe(0)
  expect(again(RECORDED_MS + 4_600)).toBe(1)
})

it('a hello0 goes out again a second later if there was no way for it, else after two', () => {
  const { a, b } = pair()
  a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 1_000)
  const [first] = a.sent.splice(0)
  const saidAt = (nowMs: number) => {
    a.sessions.tick(nowMs)
    return a.sent.splice(0).length
  }
  a.sessions.unsent(first?.to.address ?? '')
  expect(saidAt(RECORDED_MS + 2_000)).toBe(1)
  expect(saidAt(RECORDED_MS + 3_000)).toBe(0)
  expect(saidAt(RECORDED_MS + 4_000)).toBe(1)
})

describe('a session', () => {
  const connected = () => {
    const nodes = pair()
    nodes.a.sessions.send(nodes.b.certificate.prefix, HELLO, RECORDED_MS + 1_000)
    deliver(nodes.both, RECORDED_MS + 1_000)
    nodes.b.received.length = 0
    nodes.a.acknowledged.length = 0
    return nodes
  }

  it('takes a message once, and none that comes after a later one', () => {
    const { a, b } = connected()
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 2_000)
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 2_000)
    const [first, second] = a.sent.splice(0)
    for (const one of [second, second, first])
      b.sessions.receive(one?.datagram ?? Buffer.alloc(0), { address: a.address }, RECORDED_MS + 2_000)
    expect(b.received).toHaveLength(1)
    expect(b.ignored).toEqual([
      'a message that came already, or too late',
      'a message that came already, or too late',
    ])
  })

  /** A second at a time. */
  const pass = (nodes: readonly SessionNode[], fromMs: number, seconds: number) => {
    for (let second = 1; second <= seconds; second++) {
      for (const { sessions } of nodes) sessions.tick(fromMs + 1000 * second)
      deliver(nodes, fromMs + 1000 * second)
    }
  }

  it('is made anew within seconds when the peer was restarted, and what was said arrives', () => {
    const { a } = connected()
    const again = new SessionNode('node-b', RECORDED_MS + 30_000, 3)
    a.sessions.send(again.certificate.prefix, HELLO, RECORDED_MS + 31_000)
    deliver([a, again], RECORDED_MS + 31_000)
    expect(again.received).toHaveLength(0)
    pass([a, again], RECORDED_MS + 31_000, 5)
    expect(again.received.map(({ body }) => Buffer.from(body))).toEqual([HELLO])
    expect(a.acknowledged).toEqual([HELLO])
  })

  it('is made anew within seconds when both have something to say and one was restarted', () => {
    const { a } = connected()
    const again = new SessionNode('node-b', RECORDED_MS + 30_000, 3)
    a.sessions.send(again.certificate.prefix, HELLO, RECORDED_MS + 31_000)
    again.sessions.send(a.certificate.prefix, HELLO, RECORDED_MS + 31_000)
    pass([a, again], RECORDED_MS + 31_000, 5)
    expect([a.received.length, again.received.length]).toEqual([1, 1])
  })

  it('is not made for ever for what a peer never answers, though it takes part in each handshake', () => {
    const { a, b } = connected()
    let said = 0
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 10_000)
    for (let second = 10; second < 600; second++) {
      const nowMs = RECORDED_MS + 1_000 * second
      a.sessions.tick(nowMs)
      for (let round = 0; round < 3; round++)
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const)
          for (const { datagram } of from.sent.splice(0)) {
            const isMessage = datagram.readUInt32BE() > 2
            if (isMessage && from === a) said++
            if (!isMessage) to.sessions.receive(datagram, { address: from.address }, nowMs)
          }
    }
    expect(said).toBeGreaterThan(1)
    expect(said).toBeLessThanOrEqual(5)
  })

  it('is made anew when a peer speaks in one that was replaced without its knowing', () => {
    const { a, b, both } = connected()
    // It took part in a handshake whose last datagram was lost.
    b.sessions.receive(
      encodeFingerprintHello0(10, b.certificate.fingerprintSha1, a.certificate.der),
      { address: a.address },
      RECORDED_MS + 10_000,
    )
    const again = new SessionNode('node-b', RECORDED_MS + 30_000, 3)
    again.sessions.receive(encodeHello0(a.certificate.der), { address: a.address }, RECORDED_MS + 31_000)
    again.sent.length = 0
    expect(both).toHaveLength(2)
    a.sessions.send(again.certificate.prefix, HELLO, RECORDED_MS + 31_500)
    deliver([a, again], RECORDED_MS + 31_500)
    a.sessions.send(again.certificate.prefix, HELLO, RECORDED_MS + 31_600)
    deliver([a, again], RECORDED_MS + 31_600)
    expect(again.received.length).toBeGreaterThan(0)
  })

  it('begins with a greeting of whom it was offered to', () => {
    const { a, b, both } = pair()
    b.greeting = Buffer.from('\x00version')
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 1_000)
    a.greeting = b.greeting
    deliver(both, RECORDED_MS + 1_000)
    const greeted = [...a.received, ...b.received].filter(({ body }) => body[0] === 0)
    expect(greeted).toHaveLength(1)
  })

  it('takes an acknowledgement for what was said before the last message, not for all', () => {
    const { a, b } = connected()
    const version = Buffer.from('\x00version')
    b.answer = ({ body }) => (body[0] === 4 ? Buffer.from('\x04here') : new Uint8Array())
    a.sessions.send(b.certificate.prefix, version, RECORDED_MS + 2_000)
    a.sent.length = 0 // lost
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 2_000)
    deliver([a, b], RECORDED_MS + 2_000)
    expect(a.acknowledged).toEqual([])
    pass([a, b], RECORDED_MS + 2_000, 2)
    expect(a.acknowledged).toEqual([version])
    expect(b.received.filter(({ body }) => body[0] === 0)).toHaveLength(1)
  })

  it.each([
    ['a question', Buffer.from([MESSAGE_CODE.nodeInformation])],
    ['a statement', Buffer.from([MESSAGE_CODE.multicast, 1, 0, 0, 0, 0])],
  ])('says %s again that was lost, though the peer says the same of its own accord', (_, body) => {
    const { a, b } = connected()
    for (const node of [a, b])
      node.answer = ({ body: said }) =>
        said[0] === MESSAGE_CODE.nodeInformation && said.length === 1
          ? Buffer.from('\x04here')
          : new Uint8Array()
    a.sessions.send(b.certificate.prefix, body, RECORDED_MS + 2_000)
    a.sent.length = 0 // lost
    b.sessions.send(a.certificate.prefix, body, RECORDED_MS + 2_000)
    deliver([a, b], RECORDED_MS + 2_000)
    expect(b.received.map((message) => Buffer.from(message.body))).not.toContainEqual(body)
    pass([a, b], RECORDED_MS + 2_000, 5)
    expect(b.received.map((message) => Buffer.from(message.body)).filter((one) => one.equals(body))).toEqual([
      body,
    ])
  })

  it('ends with the certificate: a revoked peer is not heard any more', () => {
    const { a, b, both } = connected()
    b.sessions.setRevoked(new Set([a.certificate.serial]))
    a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 2_000)
    deliver(both, RECORDED_MS + 2_000)
    expect(b.received).toEqual([])
  })

  test(
    'goes on whatever comes: arbitrary bytes, and damaged datagrams',
    fc.uint8Array({ maxLength: 400 }),
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
    (bytes, at, flip) => {
      const { a, b, both } = connected()
      a.sessions.send(b.certificate.prefix, HELLO, RECORDED_MS + 2_000)
      const damaged = Buffer.from(a.sent[0]?.datagram ?? [])
      damaged[at % damaged.length] = (damaged[at % damaged.length] ?? 0) ^ flip
      for (const datagram of [bytes, damaged])
        b.sessions.receive(datagram, { address: a.address }, RECORDED_MS + 2_000)
      expect(b.received).toEqual([])
      deliver(both, RECORDED_MS + 2_000)
      expect(b.received).toHaveLength(1)
    },
  )
})

test(
  'over a network that loses and doubles datagrams, what is said arrives',
  fc.array(fc.constantFrom(0, 1, 1, 1, 2), { minLength: 5, maxLength: 40 }),
  (fates) => {
    const { a, b, both } = pair()
    const fate = () => fates.shift() ?? 1
    for (let second = 1; second <= 200 && b.received.length === 0; second++) {
      const nowMs = RECORDED_MS + 1000 * second
      // Whoever wants to say something says it again, as the node does.
      if (second % 10 === 1) a.sessions.send(b.certificate.prefix, HELLO, nowMs)
      for (const { sessions } of both) sessions.tick(nowMs)
      deliver(both, nowMs, fate)
    }
    expect(b.received.length).toBeGreaterThan(0)
  },
)

describe('message bodies and registry datagrams', () => {
  const messages: Message[] = [
    { kind: 'network-version', version: Buffer.from([1, 2]) },
    { kind: 'addresses', addresses: '192.0.2.1,1194,tcp' },
    { kind: 'close-tunnel' },
    { kind: 'tunnel-drained' },
    { kind: 'node-information', information: '1, Linux' },
    { kind: 'topology', topology: '1 2/16 3/16' },
    { kind: 'log', text: 'x' },
    { kind: 'multicast', state: Buffer.from([1, 0, 0, 0, 0]) },
  ]
  it.each(messages)('$kind is read back', (message) => {
    for (const isForwarded of [false, true])
      expect(decodeMessageBody(encodeMessageBody(message, isForwarded))).toEqual({
        ok: true,
        value: { message, isForwarded },
      })
  })

  test('arbitrary bytes are a message, or refused', fc.uint8Array({ maxLength: 50 }), (bytes) => {
    expect(decodeMessageBody(bytes)).toHaveProperty('ok')
    const read = decodeRegistryDatagram(bytes)
    if (read.ok) expect(encodeRegistryDatagram(read.value)).toEqual(Buffer.from(bytes))
  })

  it('a registry datagram is read back', () => {
    const request = { prefix: prefixOfBits('0101'), code: 4, argument: Buffer.from('x') }
    expect(decodeRegistryDatagram(encodeRegistryDatagram(request))).toEqual({ ok: true, value: request })
  })
})

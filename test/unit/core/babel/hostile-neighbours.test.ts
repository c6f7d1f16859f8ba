import { describe, expect, test as plainTest } from 'vitest'
import { decodePacket } from '../../../../src/core/babel/wire/decode.ts'
import { type EncodableTlv, encodePackets } from '../../../../src/core/babel/wire/encode.ts'
import type { Update } from '../../../../src/core/babel/wire/tlv.ts'
import { linkLocalAddress, outgoingTlv } from '../../../support/babel-tlvs.ts'
import { EngineNetwork, prefixOf, type TestNode, TUNNEL } from '../../../support/engine-network.ts'
import { fc, test } from '../../../support/property.ts'

/** Whoever is on the second interface of `a`, a server's, may send what it likes; `b`, behind the first, is honest. */
const HOSTILE = 'hostile'

function network() {
  const made = new EngineNetwork()
  const [a, b] = [made.node('a'), made.node('b')]
  made.link(a, b)
  a.engine.setParameters(made.nowMs, HOSTILE, TUNNEL)
  a.engine.interfaceUp(made.nowMs, { name: HOSTILE, kind: 'server', address: 'fe80::a' })
  made.run(20_000)
  expect(a.wayTo(b)).toBe('b')
  return { network: made, a, b }
}

/** Octets that come in on the second interface, as whoever wants it from. */
function hear(node: TestNode, nowMs: number, octets: Uint8Array, source: string): void {
  const tlvs = decodePacket(octets, { sender: source })
  if (!tlvs.ok) return
  node.engine.receive(nowMs, {
    iface: HOSTILE,
    source,
    multicast: true,
    tlvs: tlvs.value,
    receivedMs: nowMs,
    isLate: false,
  })
}

/** TLVs that come in there. */
function say(node: TestNode, nowMs: number, tlvs: readonly EncodableTlv[], source = 'fe80::bad'): void {
  const form = { maxBytes: 1452, sender: source, nowUs: () => nowMs * 1000 }
  for (const packet of encodePackets(tlvs, form)) hear(node, nowMs, packet, source)
}

const HELLO = { kind: 'hello', unicast: false, seqno: 1, intervalMs: 4_000, stamped: true } as const
const IHU = { kind: 'ihu', rxcost: 1, intervalMs: 12_000, address: 'fe80::a' } as const

const update = (prefix: string, more: Partial<Update> = {}): Update => ({
  kind: 'update',
  prefix,
  from: '::/0',
  routerId: '02:00:00:00:00:00:00:66',
  seqno: 1,
  metric: 0,
  intervalMs: 60_000,
  nextHop: 'fe80::bad',
  ...more,
})

test(
  'whatever is said, in whatever octets, the way to an honest neighbour stays',
  fc.array(
    fc.tuple(fc.array(outgoingTlv, { minLength: 1, maxLength: 15 }), linkLocalAddress, fc.nat(3_000)),
    {
      maxLength: 8,
    },
  ),
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
  (packets, changes) => {
    const { network: net, a, b } = network()
    for (const [tlvs, source, pauseMs] of packets) {
      say(a, net.nowMs, tlvs, source)
      for (const packet of encodePackets(tlvs, { maxBytes: 1452, sender: source, nowUs: () => 0 })) {
        const altered = Uint8Array.from(packet)
        for (const [at, value] of changes) altered[4 + (at % (altered.length - 4))] = value
        hear(a, net.nowMs, altered, source)
      }
      net.run(pauseMs)
      expect(a.wayTo(b)).toBe('b')
      expect(b.wayTo(a)).toBe('a')
    }
  },
)

describe('floods', () => {
  plainTest('of hellos from made-up addresses: so many neighbours, and no more', () => {
    const { network: net, a, b } = network()
    for (let each = 1; each <= 5_000; each++) say(a, net.nowMs, [HELLO, IHU], `fe80::1:${each.toString(16)}`)
    expect(a.engine.neighbours(net.nowMs).length).toBeLessThan(1_000)
    net.run(1_000)
    expect(a.wayTo(b)).toBe('b')
    net.run(600_000)
    expect(a.engine.neighbours(net.nowMs).map(({ iface }) => iface)).toEqual(['b'])
    expect(a.wayTo(b)).toBe('b')
  })

  plainTest('of requests for all routes: the answers are bounded', () => {
    const { network: net, a } = network()
    const routes = Array.from({ length: 1_000 }, (_, index) => ({
      prefix: `2001:db8:ffff:${index.toString(16)}::/64`,
      from: '::/0',
      metric: 0,
    }))
    a.engine.setLocalRoutes(net.nowMs, routes)
    say(a, net.nowMs, [HELLO, IHU])
    net.run(1_000)
    const before = a.sent.length
    for (let each = 0; each < 1_000; each++) {
      say(a, net.nowMs, [{ kind: 'wildcard-request' }])
      net.run(1)
    }
    net.run(1_000)
    // Ten times the table, at most.
    expect(a.sent.length - before).toBeLessThan(10 * routes.length)
  })

  plainTest('of requests for new numbers: ours rises slowly', () => {
    const { network: net, a } = network()
    say(a, net.nowMs, [HELLO, IHU])
    const before = a.engine.seqno
    const routerId = '02:00:00:00:00:00:00:01'
    for (let each = 0; each < 10_000; each++)
      say(a, net.nowMs, [
        {
          kind: 'seqno-request',
          prefix: prefixOf(a),
          from: '::/0',
          seqno: (a.engine.seqno + 1) & 0xffff,
          hopCount: 64,
          routerId,
        },
      ])
    expect((a.engine.seqno - before) & 0xffff).toBeLessThan(100)
  })

  plainTest('of routes: so many of a neighbour, and no more; all are gone with it', () => {
    const { network: net, a, b } = network()
    say(a, net.nowMs, [HELLO, IHU])
    const routes = Array.from({ length: 60_000 }, (_, index) =>
      update(`2001:db8:42:${index.toString(16)}::/64`),
    )
    say(a, net.nowMs, routes)
    expect(a.engine.sizes.destinations).toBeLessThan(40_000)
    expect(a.wayTo(b)).toBe('b')
    a.engine.neighbourGone(net.nowMs, HOSTILE, 'fe80::bad', 'transport ended')
    net.run(3_600_000)
    expect(a.engine.sizes.destinations).toBe(2)
    expect(a.wayTo(b)).toBe('b')
  })
})

describe('lies', () => {
  plainTest('about what is ours: it stays ours', () => {
    const { network: net, a, b } = network()
    say(a, net.nowMs, [HELLO, IHU])
    say(a, net.nowMs, [
      update(prefixOf(a), { routerId: '02:00:00:00:00:00:00:01', seqno: 0x7fff }),
      update(prefixOf(a), { seqno: 0x7fff }),
    ])
    net.run(10_000)
    expect(a.engine.routes(prefixOf(a)).find(({ selected }) => selected)?.reason).toBe('own')
    expect(b.wayTo(a)).toBe('a')
  })

  plainTest('a number that runs away: an honest route is taken again when the liar is gone', () => {
    const { network: net, a, b } = network()
    say(a, net.nowMs, [HELLO, IHU])
    for (let seqno = 1; seqno < 0x10000; seqno += 0x3fff)
      say(a, net.nowMs, [update(prefixOf(b), { routerId: '02:00:00:00:00:00:00:02', seqno })])
    net.run(1_000)
    a.engine.neighbourGone(net.nowMs, HOSTILE, 'fe80::bad', 'transport ended')
    net.runUntil(() => a.wayTo(b) === 'b', 300_000)
  })

  plainTest('a retraction of all retracts only its own', () => {
    const { network: net, a, b } = network()
    say(a, net.nowMs, [HELLO, IHU, { kind: 'wildcard-retraction' }])
    say(a, net.nowMs, [update(prefixOf(b), { metric: 0xffff })])
    net.run(1_000)
    expect(a.wayTo(b)).toBe('b')
  })
})

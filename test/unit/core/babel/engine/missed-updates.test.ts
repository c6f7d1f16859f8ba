import { expect, it } from 'vitest'
import { BabelEngine } from '../../../../../src/core/babel/engine/engine.ts'
import type { OutgoingTlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { EngineNetwork, prefixOf, TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

const [OLD, NEW] = ['2001:db8:1::/48', '2001:db8:2::/48']

/** Two routers that have nobody else, so that each holds on to the other while nothing comes from there. */
function two() {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  const link = network.link(a, b)
  const announce = (...prefixes: readonly string[]) =>
    a.engine.setLocalRoutes(
      network.nowMs,
      [prefixOf(a), ...prefixes].map((prefix) => ({ prefix, from: '::/0', metric: 0 })),
    )
  const isKnown = (prefix: string) => b.forwarding.has(`${prefix} ::/0`)
  announce(OLD)
  network.run(60_000)
  return { network, a, b, link, announce, isKnown }
}

it('what changed while a path was cut is known at its other end as soon as it is there again, also what is retracted', () => {
  const { network, a, b, link, announce, isKnown } = two()
  link.open = [false, false]
  a.engine.suspect(network.nowMs, 'b', 'fe80::b')
  b.engine.suspect(network.nowMs, 'a', 'fe80::a')
  network.run(1_000)
  announce(NEW)
  network.run(20_000)
  expect([isKnown(OLD), isKnown(NEW)]).toEqual([true, false])
  link.open = [true, true]
  network.runUntil(() => !isKnown(OLD) && isKnown(NEW), 2_000)
})

it('where updates are lost again and again, though answers arrive, they are told more and more rarely', () => {
  const { network, a, announce, isKnown } = two()
  let told = 0
  let seen = a.sent.length
  network.carries = (from) => {
    if (from !== a) return true
    const packet = a.sent.slice(seen).map(({ tlv }) => tlv)
    seen = a.sent.length
    if (!packet.some((tlv) => tlv.kind === 'update' && tlv.prefix === NEW)) return true
    told++
    return false
  }
  announce(NEW)
  network.run(600_000)
  expect(isKnown(NEW)).toBe(false)
  expect(told).toBeGreaterThan(20)
  expect(told).toBeLessThan(120)
})

it('that is so, too, where other things are acknowledged meanwhile, while it is not known yet that they are lost', () => {
  const { network, a, announce, isKnown } = two()
  let told = 0
  let seen = a.sent.length
  network.carries = (from) => {
    if (from !== a) return true
    const packet = a.sent.slice(seen).map(({ tlv }) => tlv)
    seen = a.sent.length
    if (!packet.some((tlv) => tlv.kind === 'update' && tlv.prefix === NEW)) return true
    told++
    return false
  }
  announce(NEW)
  for (let count = 0; count < 500; count++) {
    network.run(1_200)
    announce(NEW, `2001:db8:3:${count % 7}::/64`)
  }
  expect(isKnown(NEW)).toBe(false)
  expect(told).toBeLessThan(150)
})

it('who has missed something again and again, and nothing for long after that, is told at once the next time', () => {
  const { network, link, announce, isKnown } = two()
  const cutWhile = (change: () => void) => {
    link.open = [false, false]
    change()
    network.run(4_000)
    link.open = [true, true]
    network.run(500)
  }
  for (let time = 0; time < 5; time++) cutWhile(() => announce(OLD, `2001:db8:3:${time}::/64`))
  network.run(600_000)
  cutWhile(() => announce(OLD))
  cutWhile(() => announce(NEW))
  network.runUntil(() => !isKnown(OLD) && isKnown(NEW), 3_000)
})

it('who answers while it may not be told again yet is told when it may, though nothing more is asked of it', () => {
  const { network, link, announce, isKnown } = two()
  const cutWhile = (change: () => void) => {
    link.open = [false, false]
    change()
    network.run(4_000)
    link.open = [true, true]
    network.run(500)
  }
  for (let time = 0; time < 4; time++) cutWhile(() => announce(OLD, `2001:db8:3:${time}::/64`))
  cutWhile(() => announce(NEW))
  network.runUntil(() => !isKnown(OLD) && isKnown(NEW), 20_000)
})

/** A server with clients that acknowledge as the test says. */
function serverOf(clients: readonly string[]) {
  const nothing = () => {}
  const sent: { readonly to: string | undefined; readonly tlvs: readonly OutgoingTlv[] }[] = []
  /** What was told since it was emptied, to one client or to all. */
  const told: { readonly to: string | undefined; readonly prefix: string }[] = []
  const engine = new BabelEngine({
    ...{ routerId: '02:00:00:00:00:00:00:01', seqno: 1, random: seededRandom(1) },
    output: {
      ...{ forward: nothing, neighbour: nothing, route: nothing },
      send: (_, to, tlvs) => sent.push({ to, tlvs }),
    },
  })
  let nowMs = 1_000
  const say = (source: string, ...tlvs: Parameters<BabelEngine['receive']>[1]['tlvs']) =>
    engine.receive(nowMs, {
      ...{ iface: 's', source, multicast: false, tlvs, receivedMs: nowMs, isLate: false },
    })
  /** @param hears whether a client gets a packet to it, or to all */
  const pass = (ms: number, hears: (client: string, tlvs: readonly OutgoingTlv[]) => boolean) => {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 5) {
      engine.tick(nowMs)
      for (const { to, tlvs } of sent.splice(0)) {
        const heard = (to === undefined ? clients : [to]).filter((client) => hears(client, tlvs))
        for (const tlv of tlvs) {
          if (tlv.kind === 'update' && heard.length > 0) told.push({ to, prefix: tlv.prefix })
          if (tlv.kind === 'acknowledgment-request')
            for (const client of heard) say(client, { kind: 'acknowledgment', opaque: tlv.opaque })
        }
      }
    }
  }
  engine.setParameters(nowMs, 's', { ...TUNNEL, updateIntervalMs: 3_600_000 })
  engine.interfaceUp(nowMs, { name: 's', kind: 'server', address: 'fe80::1' })
  const greet = (client: string) =>
    say(
      client,
      { kind: 'hello', unicast: false, seqno: 1, intervalMs: 600_000 },
      { kind: 'ihu', rxcost: 96, intervalMs: 600_000, address: 'fe80::1' },
    )
  const announce = (prefixes: readonly string[]) =>
    engine.setLocalRoutes(
      nowMs,
      prefixes.map((prefix) => ({ prefix, from: '::/0', metric: 0 })),
    )
  return { greet, announce, pass, told }
}

const clientsOf = (count: number) => Array.from({ length: count }, (_, number) => `fe80::c:${number}`)
const prefixesOf = (count: number) =>
  Array.from({ length: count }, (_, number) => `2001:db8:9:${number.toString(16)}::/64`)

it('what all clients of a server have missed they are told together, not once for each of them that answers', () => {
  const clients = clientsOf(16)
  const missed = prefixesOf(200)
  const { greet, announce, pass, told } = serverOf(clients)
  for (const client of clients) greet(client)
  pass(10_000, () => true)
  announce(missed)
  pass(10_000, () => false)
  told.length = 0
  pass(60_000, () => true)
  const count = told.filter(({ prefix }) => missed.includes(prefix)).length
  expect(count).toBeGreaterThanOrEqual(missed.length)
  expect(count).toBeLessThan(3 * missed.length)
})

it('one of many clients to which what was told when it came was lost is told of that again, and of nothing else', () => {
  const clients = clientsOf(30)
  const [late = ''] = clients
  const prefixes = prefixesOf(3_000)
  const { greet, announce, pass, told } = serverOf(clients)
  for (const client of clients.slice(1)) greet(client)
  announce(prefixes)
  pass(20_000, () => true)
  greet(late)
  // Small packets arrive.
  pass(6_000, (client, tlvs) => client !== late || !tlvs.some(({ kind }) => kind === 'update'))
  told.length = 0
  pass(10_000, () => true)
  const toLate = told.flatMap(({ to, prefix }) => (to === late ? [prefix] : []))
  expect(new Set(toLate).size).toBe(prefixes.length)
  expect(toLate.length).toBeLessThan(2 * prefixes.length)
})

import { describe, expect, it } from 'vitest'
import { Neighbour, Route } from '../../../../../src/core/babel/engine/model.ts'
import { Requests } from '../../../../../src/core/babel/engine/requests.ts'
import type { OutgoingTlv, Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { EngineNetwork, prefixOf, TUNNEL } from '../../../../support/engine-network.ts'
import { destinations, engineWorld, silentNeighbour } from '../../../../support/engine-world.ts'

const PREFIX = '2001:db8:9::/48'
const ORIGIN = '02:00:00:00:00:00:00:09'

/** A router that has a prefix of others from `c`, and a longer way by `d`; the test speaks for all of its neighbours. */
function router() {
  const network = new EngineNetwork()
  const a = network.node('a', 100)
  const hear = (name: string, ...tlvs: readonly Tlv[]) => {
    const { nowMs } = network
    a.engine.receive(nowMs, {
      ...{ iface: name, source: `fe80::${name}`, multicast: false, tlvs, receivedMs: nowMs, isLate: false },
    })
    network.run(20)
  }
  const tell = (name: string, seqno: number, metric: number) =>
    hear(name, {
      ...{ kind: 'update', prefix: PREFIX, from: '::/0', routerId: ORIGIN, seqno, metric },
      ...{ intervalMs: 600_000, nextHop: `fe80::${name}` },
    })
  const ask = (name: string, seqno: number, { hopCount = 10, routerId = ORIGIN, prefix = PREFIX } = {}) =>
    hear(name, { kind: 'seqno-request', prefix, from: '::/0', seqno, hopCount, routerId })
  for (const name of ['b', 'c', 'd']) {
    a.engine.setParameters(network.nowMs, name, TUNNEL)
    a.engine.interfaceUp(network.nowMs, { name, kind: 'tunnel', address: 'fe80::a' })
    hear(
      name,
      { kind: 'hello', unicast: false, seqno: 1, intervalMs: 600_000 },
      { kind: 'ihu', rxcost: 96, intervalMs: 600_000, address: undefined },
    )
  }
  tell('c', 5, 100)
  tell('d', 5, 150)
  network.run(5_000)
  a.sent.length = 0
  /** What was sent since, of one kind, to one neighbour each. */
  const sent = (kind: OutgoingTlv['kind']) =>
    a.sent
      .filter(({ tlv, to }) => tlv.kind === kind && to !== undefined)
      .map(({ iface, to, tlv }) => ({ iface, to, ...tlv }))
  return { network, a, hear, tell, ask, sent }
}

describe('a request for a newer number (RFC 8966, 3.8.1.2)', () => {
  it('goes on to the next hop, to nobody else, with one hop less; the answer goes to who asked', () => {
    const { tell, ask, sent } = router()
    ask('b', 6)
    expect(sent('seqno-request')).toMatchObject([
      { iface: 'c', to: 'fe80::c', prefix: PREFIX, seqno: 6, hopCount: 9, routerId: ORIGIN },
    ])
    expect(sent('update')).toEqual([])
    tell('c', 6, 100)
    expect(sent('update')).toMatchObject([
      { iface: 'b', to: 'fe80::b', prefix: PREFIX, seqno: 6, routerId: ORIGIN },
    ])
  })

  it('of the next hop itself goes to another neighbour', () => {
    const { ask, sent } = router()
    ask('c', 6)
    expect(sent('seqno-request')).toMatchObject([{ to: 'fe80::d' }])
  })

  it('goes no further with its last hop', () => {
    const { ask, sent } = router()
    ask('b', 6, { hopCount: 1 })
    expect(sent('seqno-request')).toEqual([])
  })

  it('goes on once, whoever asks for the same at the same time, and all of them are answered', () => {
    const { tell, ask, sent } = router()
    ask('b', 6)
    ask('d', 6)
    ask('b', 6)
    expect(sent('seqno-request')).toHaveLength(1)
    tell('c', 6, 100)
    expect(new Set(sent('update').map(({ to }) => to))).toEqual(new Set(['fe80::b', 'fe80::d']))
  })

  it('goes on again when it is asked for again later: it may have been lost', () => {
    const { network, ask, sent } = router()
    ask('b', 6)
    network.run(500)
    ask('b', 6)
    expect(sent('seqno-request')).toHaveLength(2)
  })

  it.each([
    ['that is known', 5, ORIGIN],
    ['of another router', 60, '02:00:00:00:00:00:00:77'],
  ])('%s is answered at once', (_, seqno, routerId) => {
    const { ask, sent } = router()
    ask('b', seqno, { routerId })
    expect(sent('seqno-request')).toEqual([])
    expect(sent('update')).toMatchObject([{ to: 'fe80::b', prefix: PREFIX, seqno: 5 }])
  })

  it('of what is ours raises our number by one, whatever was asked for', () => {
    const { a, ask, sent } = router()
    const prefix = prefixOf(a)
    ask('b', 101, { prefix, routerId: '02:00:00:00:00:00:00:01' })
    expect(a.engine.seqno).toBe(101)
    expect(sent('update')).toMatchObject([{ to: 'fe80::b', prefix, seqno: 101 }])
    ask('b', 101, { prefix, routerId: '02:00:00:00:00:00:00:01' })
    expect(a.engine.seqno).toBe(101)
  })
})

describe('a request for a route (RFC 8966, 3.8.1.1)', () => {
  it('is answered with an update, or with a retraction', () => {
    const { hear, sent } = router()
    hear('b', { kind: 'route-request', prefix: PREFIX, from: '::/0' })
    hear('b', { kind: 'route-request', prefix: '2001:db8:77::/48', from: '::/0' })
    expect(sent('update')).toMatchObject([
      { to: 'fe80::b', prefix: PREFIX, metric: 196 },
      { to: 'fe80::b', prefix: '2001:db8:77::/48', metric: 0xffff },
    ])
  })
})

describe('what a neighbour announces for the way in use (RFC 8966, 3.5.3)', () => {
  const way = ({ a }: ReturnType<typeof router>) => a.forwarding.get(`${PREFIX} ::/0`)?.iface

  it('and is infeasible, is not used any more where there is another way', () => {
    const made = router()
    made.tell('c', 5, 5_000)
    expect(way(made)).toBe('d')
    const [route] = made.a.engine.routes(PREFIX).filter(({ iface }) => iface === 'c')
    expect(route).toMatchObject({ selected: false, reason: 'infeasible' })
  })

  it('with an infinite metric is used no more, nor what was said before', () => {
    const made = router()
    made.tell('c', 5, 0xffff)
    expect(way(made)).toBe('d')
    made.tell('d', 5, 0xffff)
    expect(way(made)).toBeUndefined()
    expect(made.a.unreachable).toContain(`${PREFIX} ::/0`)
  })

  it('is infeasible with an older number, however near', () => {
    const made = router()
    made.tell('c', 6, 100)
    made.hear('b', { kind: 'route-request', prefix: PREFIX, from: '::/0' })
    made.network.run(100)
    made.ask('b', 6)
    made.tell('c', 6, 0xffff)
    // What was told with number 6 makes all that is known with number 5 infeasible.
    expect(way(made)).toBeUndefined()
    expect(made.sent('seqno-request')).toMatchObject([{ to: 'fe80::d', seqno: 7, hopCount: 64 }])
  })
})

it('a request of another is passed on to the next hop, or to another that knows the way if that one does not answer', () => {
  for (const isDoubted of [false, true]) {
    const sent: (string | undefined)[] = []
    const world = engineWorld()
    const output = { ...world.output, send: (_: string, to: string | undefined) => void sent.push(to) }
    const requests = new Requests({ ...world, output }, { answer() {}, tellAgain() {} })
    const [destination] = destinations(1)
    if (!destination) throw new Error('there is one')
    const entry = world.table.obtain(destination)
    const routerId = '02:00:00:00:00:00:00:02'
    const routes = ['fe80::2', 'fe80::3'].map((address, at) => {
      const neighbour = new Neighbour(silentNeighbour().iface, address, 0)
      neighbour.doubt(0, isDoubted && at === 0)
      neighbour.cost = neighbour.isDoubted ? 12_000 : 96
      const route = new Route({
        ...{
          entry,
          neighbour,
          routerId,
          nextHop: address,
          seqno: 1,
          refmetric: 100 * (at + 1),
          nowS: 0,
          holdS: 60,
        },
      })
      world.table.add(route)
      return route
    })
    entry.selected = routes[0]
    const { prefix, from } = destination
    requests.hear(0, silentNeighbour(), {
      kind: 'seqno-request',
      prefix,
      from,
      routerId,
      seqno: 2,
      hopCount: 8,
    })
    expect(sent).toEqual([isDoubted ? 'fe80::3' : 'fe80::2'])
  }
})

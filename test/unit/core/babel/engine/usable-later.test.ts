import { expect, it } from 'vitest'
import type { Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { EngineNetwork, TUNNEL } from '../../../../support/engine-network.ts'

const PREFIX = '2001:db8:d::/48'
const HELLO = { kind: 'hello', unicast: false, seqno: 1, intervalMs: 600_000 } as const
const IHU = { kind: 'ihu', rxcost: 96, intervalMs: 600_000, address: undefined } as const

/** A router whose neighbours `b` and `c` the test speaks for. */
function router() {
  const network = new EngineNetwork()
  const a = network.node('a')
  for (const name of ['b', 'c']) {
    a.engine.setParameters(network.nowMs, name, TUNNEL)
    a.engine.interfaceUp(network.nowMs, { name, kind: 'tunnel', address: 'fe80::a' })
  }
  const hear = (name: string, ...tlvs: readonly Tlv[]) => {
    const { nowMs } = network
    a.engine.receive(nowMs, {
      ...{ iface: name, source: `fe80::${name}`, multicast: true, tlvs, receivedMs: nowMs, isLate: false },
    })
  }
  const update = (name: string, metric: number): Tlv => ({
    ...{
      kind: 'update',
      prefix: PREFIX,
      from: '::/0',
      routerId: '02:00:00:00:00:00:00:0d',
      seqno: 1,
      metric,
    },
    ...{ intervalMs: 600_000, nextHop: `fe80::${name}` },
  })
  return { network, a, hear, update, way: () => a.forwarding.get(`${PREFIX} ::/0`)?.iface }
}

it('a spare way is asked for also where it was announced before its link could be used', () => {
  const { network, a, hear, update } = router()
  hear('b', HELLO, IHU, update('b', 100))
  network.run(5_000)
  // Nearer than what we have told others it is not.
  hear('c', HELLO, update('c', 250))
  const asked = () => a.sent.filter(({ tlv }) => tlv.kind === 'seqno-request' && tlv.prefix === PREFIX)
  network.run(5_000)
  expect(asked()).toEqual([])
  hear('c', IHU)
  network.run(5_000)
  expect(asked()).toMatchObject([{ to: 'fe80::c', tlv: { seqno: 2 } }])
})

it('a way that is broken is left as soon as the link of another can be used', () => {
  const { network, hear, update, way } = router()
  hear('b', HELLO, IHU, update('b', 100))
  hear('c', HELLO, update('c', 150))
  network.run(1_000)
  // Infeasible, and there is no other.
  hear('b', update('b', 20_000))
  network.run(1_000)
  expect(way()).toBe('b')
  hear('c', IHU)
  expect(way()).toBe('c')
})

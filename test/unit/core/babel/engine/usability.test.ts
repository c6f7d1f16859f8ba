import { expect, it } from 'vitest'
import { BabelEngine } from '../../../../../src/core/babel/engine/engine.ts'
import type { RouteView } from '../../../../../src/core/babel/engine/ports.ts'
import { isUsable } from '../../../../../src/core/babel/metric.ts'
import type { Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

const HELLO = { kind: 'hello', unicast: false, seqno: 1, intervalMs: 60_000 } as const
const ihu = (rxcost: number) => ({ kind: 'ihu', rxcost, intervalMs: 60_000, address: undefined }) as const
const OWN_SUBNET: Tlv = {
  kind: 'update',
  ...{ prefix: '2001:db8:9::/48', from: '::/0', routerId: '02:00:00:00:00:00:00:09' },
  ...{ seqno: 1, metric: 0, intervalMs: 60_000, nextHop: 'fe80::9' },
}

it('what a neighbour originates is told of when it can be used, and when it cannot, though packets go another way', () => {
  const told: RouteView[] = []
  const nothing = () => {}
  const engine = new BabelEngine({
    ...{ routerId: '02:00:00:00:00:00:00:01', seqno: 1, random: seededRandom(1) },
    output: {
      send: nothing,
      forward: nothing,
      neighbour: nothing,
      route: (_, route) => void told.push(route),
    },
  })
  let nowMs = 1_000
  const receive = (iface: string, ...tlvs: Tlv[]) => {
    nowMs += 10
    engine.receive(nowMs, {
      ...{ iface, source: 'fe80::9', multicast: true, tlvs, receivedMs: nowMs, isLate: false },
    })
  }
  for (const [name, rxcost] of [
    ['lan', 64],
    ['tunnel', 96],
  ] as const) {
    engine.setParameters(nowMs, name, { ...TUNNEL, rxcost })
    engine.interfaceUp(nowMs, { name, kind: 'tunnel', address: 'fe80::1' })
  }
  receive('lan', HELLO, ihu(64), OWN_SUBNET)
  // What it announces comes before it says that it hears us.
  receive('tunnel', HELLO, OWN_SUBNET)
  const last = () => told.findLast(({ iface }) => iface === 'tunnel')
  expect(isUsable(last()?.metric ?? 0)).toBe(false)
  receive('tunnel', ihu(96))
  expect(last()).toMatchObject({ selected: false, refmetric: 0 })
  expect(isUsable(last()?.metric ?? 0xffff)).toBe(true)
  receive('tunnel', ihu(0xffff))
  expect(isUsable(last()?.metric ?? 0)).toBe(false)
})

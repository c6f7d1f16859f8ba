import { describe, expect, it } from 'vitest'
import { BabelEngine } from '../../../../../src/core/babel/engine/engine.ts'
import type { LinkKind } from '../../../../../src/core/babel/engine/ports.ts'
import type { OutgoingTlv, Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

const ROUTES = 3_000
/** More are not underway at once: sixteen packets of forty. */
const UNDERWAY = 640

const prefixOf = (route: number): string => `2001:db8:0:${route.toString(16)}::/64`

/** A router that learns of routes from one neighbour, and tells others, for whom we speak. */
function router(kind: LinkKind, listeners: readonly string[]) {
  const told: { readonly prefix: string; readonly metric: number; readonly to: string | undefined }[] = []
  const requests: number[] = []
  let nowMs = 1_000
  const engine = new BabelEngine({
    ...{ routerId: '02:00:00:00:00:00:00:01', seqno: 1, random: seededRandom(1) },
    output: {
      send(iface, to, tlvs: readonly OutgoingTlv[]) {
        if (iface !== 'listeners') return
        for (const tlv of tlvs) {
          if (tlv.kind === 'update') told.push({ prefix: tlv.prefix, metric: tlv.metric, to })
          // Of updates; greetings and questions are not counted.
          if (tlv.kind === 'acknowledgment-request' && tlvs.some(({ kind: one }) => one === 'update'))
            requests.push(tlv.opaque)
        }
      },
      forward() {},
      neighbour() {},
      route() {},
    },
  })
  const hear = (iface: string, source: string, tlvs: readonly Tlv[]) =>
    engine.receive(nowMs, { iface, source, multicast: false, tlvs, receivedMs: nowMs, isLate: false })
  const pass = (ms: number) => {
    const endMs = nowMs + ms
    while (engine.nextDeadlineMs <= endMs) {
      nowMs = Math.max(nowMs, engine.nextDeadlineMs)
      engine.tick(nowMs)
    }
    nowMs = endMs
  }
  const meet = (iface: string, source: string) =>
    hear(iface, source, [
      { kind: 'hello', unicast: false, seqno: 1, intervalMs: 60_000 },
      { kind: 'ihu', rxcost: 96, intervalMs: 180_000, address: undefined },
    ])
  for (const [name, itsKind] of [
    ['source', 'tunnel'],
    ['listeners', kind],
  ] as const) {
    engine.setParameters(nowMs, name, TUNNEL)
    engine.interfaceUp(nowMs, { name, kind: itsKind, address: 'fe80::1' })
  }
  meet('source', 'fe80::2')
  for (const listener of listeners) meet('listeners', listener)
  pass(100)
  const learn = (routes: readonly number[], metric: number) =>
    hear(
      'source',
      'fe80::2',
      routes.map((route) => ({
        ...{ kind: 'update', prefix: prefixOf(route), from: '::/0', routerId: '02:00:00:00:00:00:00:02' },
        ...{ seqno: 1, metric, intervalMs: 60_000, nextHop: 'fe80::2' },
      })),
    )
  /** Acknowledges what was asked for until now. */
  const acknowledge = (listener: string) => {
    for (const opaque of requests.splice(0)) hear('listeners', listener, [{ kind: 'acknowledgment', opaque }])
  }
  return { told, pass, learn, acknowledge }
}

const all = Array.from({ length: ROUTES }, (_, route) => route)

describe('many changes at once', () => {
  it('are told no faster than they are acknowledged, and all of them', () => {
    const { told, pass, learn, acknowledge } = router('tunnel', ['fe80::3'])
    learn(all, 100)
    pass(200)
    expect(new Set(told.map(({ prefix }) => prefix)).size).toBeLessThanOrEqual(UNDERWAY)
    for (let round = 0; round < 10; round++) {
      const before = told.length
      acknowledge('fe80::3')
      pass(10)
      expect(told.length - before).toBeLessThanOrEqual(UNDERWAY)
    }
    expect(new Set(told.map(({ prefix }) => prefix)).size).toBe(ROUTES)
    expect(told.length).toBe(ROUTES)
  })

  it('of the same destination are told once, as it is when its turn comes; what is retracted goes at once', () => {
    const { told, pass, learn, acknowledge } = router('tunnel', ['fe80::3'])
    learn(all, 100)
    pass(10)
    const last = all.slice(-10)
    told.length = 0
    learn(last, 0xffff)
    learn(all.slice(1_000, 2_000), 5_000)
    pass(10)
    expect(told.slice(0, 10)).toEqual(
      last.map((route) => ({ prefix: prefixOf(route), metric: 0xffff, to: undefined })),
    )
    for (let round = 0; round < 10; round++) {
      acknowledge('fe80::3')
      pass(10)
    }
    const metrics = told.filter(({ prefix }) => prefix === prefixOf(1_500)).map(({ metric }) => metric)
    expect(metrics).toEqual([5_096])
  })

  it('reach those on a LAN who acknowledge, although one of them does not', () => {
    const { told, pass, learn, acknowledge } = router('lan', ['fe80::3', 'fe80::4'])
    learn(all, 100)
    for (let round = 0; round < 30; round++) {
      pass(50)
      acknowledge('fe80::3')
    }
    const toAll = told.filter(({ to }) => to === undefined)
    expect(new Set(toAll.map(({ prefix }) => prefix)).size).toBe(ROUTES)
  })
})

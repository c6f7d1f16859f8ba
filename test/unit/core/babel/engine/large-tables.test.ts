import { expect, it, vi } from 'vitest'
import { BabelEngine } from '../../../../../src/core/babel/engine/engine.ts'
import type { Tlv, Update } from '../../../../../src/core/babel/wire/tlv.ts'
import { TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

const NEIGHBOURS = 2
const CHANGES = 500

const updateOf = (route: number, seqno: number, metric: number): Update => ({
  ...{
    kind: 'update',
    prefix: `2001:db8:${(route >> 16).toString(16)}:${(route & 0xffff).toString(16)}::/64`,
  },
  ...{
    from: '::/0',
    routerId: '02:00:00:00:00:00:00:09',
    seqno,
    metric,
    intervalMs: 60_000,
    nextHop: 'fe80::9',
  },
})

/** Large collections; of small ones it does not matter whether they are walked over. */
const LARGE = 1_000

/** How many members of large collections are looked at one after the other while something is done. */
function visitsDuring(action: () => void): number {
  let visits = 0
  const spied = [Set.prototype, Map.prototype].flatMap((prototype) =>
    ([Symbol.iterator, 'values', 'keys', 'entries'] as const).map((name) => {
      const original = prototype[name] as (this: Set<unknown> | Map<unknown, unknown>) => Iterator<unknown>
      const counted = function* (this: Set<unknown> | Map<unknown, unknown>) {
        const members = original.call(this)
        for (let next = members.next(); next.done !== true; next = members.next()) {
          if (this.size > LARGE) visits++
          yield next.value
        }
      }
      return vi.spyOn(prototype, name as 'values').mockImplementation(counted as never)
    }),
  )
  try {
    action()
  } finally {
    for (const spy of spied) spy.mockRestore()
  }
  return visits
}

/** How many members of its tables a router with so many routes of each of two neighbours looks at for changes of single ones. */
function visitsForChanges(routes: number): number {
  const nothing = () => {}
  const engine = new BabelEngine({
    ...{ routerId: '02:00:00:00:00:00:00:01', seqno: 1, random: seededRandom(1) },
    output: { send: nothing, forward: nothing, neighbour: nothing, route: nothing },
  })
  let nowMs = 1_000
  const receive = (neighbour: number, tlvs: readonly Tlv[]) =>
    engine.receive(nowMs, {
      ...{
        iface: `n${neighbour}`,
        source: 'fe80::9',
        multicast: true,
        tlvs,
        receivedMs: nowMs,
        isLate: false,
      },
    })
  for (let neighbour = 0; neighbour < NEIGHBOURS; neighbour++) {
    engine.setParameters(nowMs, `n${neighbour}`, TUNNEL)
    engine.interfaceUp(nowMs, { name: `n${neighbour}`, kind: 'tunnel', address: 'fe80::1' })
    receive(neighbour, [
      { kind: 'hello', unicast: false, seqno: 1, intervalMs: 60_000 },
      { kind: 'ihu', rxcost: 96, intervalMs: 60_000, address: undefined },
      ...Array.from({ length: routes }, (_, route) => updateOf(route, 1, 1_000 + neighbour)),
    ])
  }
  // What was to be told of them is told.
  const tick = (ms: number) => {
    nowMs += ms
    engine.tick(nowMs)
  }
  for (let step = 0; step < 200; step++) tick(10)
  expect(engine.routes(updateOf(0, 1, 0).prefix)).toHaveLength(NEIGHBOURS)
  return visitsDuring(() => {
    for (let change = 0; change < CHANGES; change++) {
      const route = (change * 7) % routes
      receive(change % NEIGHBOURS, [updateOf(route, 2 + Math.floor(change / routes), 500 + (change % 100))])
      if (change % 20 === 0) tick(1)
    }
  })
}

it('a change costs what it touches, however many other routes there are: nobody walks over all of them', () => {
  // Two periodic updates of forty routes, say.
  expect(visitsForChanges(20_000)).toBeLessThan(CHANGES)
})

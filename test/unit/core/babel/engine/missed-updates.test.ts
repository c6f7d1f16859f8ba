import { expect, it } from 'vitest'
import { EngineNetwork, prefixOf } from '../../../../support/engine-network.ts'

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

import { describe, expect, it } from 'vitest'
import { type GreetingView, greet, NEW_GREETING } from '../../../../src/core/babeld/greeting.ts'
import type { NeighbourEntry } from '../../../../src/core/babeld/socket-line.ts'

const CONFIGURED = { helloIntervalMs: 15_000, updateIntervalMs: 11_000 }
const DOWN: GreetingView = { up: false, neighbours: [], routes: false }
const ALONE: GreetingView = { up: true, neighbours: [], routes: false }

const neighbour = (reach: number, cost = 65535, id = 'n1'): NeighbourEntry => ({
  id,
  address: 'fe80::1',
  iface: 're6stnet1',
  reach,
  rxcost: cost,
  txcost: cost,
  rttMs: undefined,
  cost,
})
const withNeighbour = (...entry: Parameters<typeof neighbour>): GreetingView => ({
  up: true,
  neighbours: [neighbour(...entry)],
  routes: false,
})

/** A greeting, seen at one moment after the other: the steps that it took. */
function greeting() {
  let state = NEW_GREETING
  return (atMs: number, view: GreetingView) => {
    const { greeting: next, step } = greet(state, view, atMs, CONFIGURED)
    state = next
    return step.kind === 'wait' ? `wait ${step.untilMs ?? '-'}` : step.kind
  }
}

describe('a greeting', () => {
  it('waits for the interface to come up', () => {
    expect(greeting()(0, DOWN)).toBe('wait -')
  })

  it('asks when the neighbour was heard for a while, then settles when it is usable and was told so', () => {
    const look = greeting()
    expect(look(0, ALONE)).toBe('wait 3000')
    expect(look(100, withNeighbour(0))).toBe('wait 1600')
    expect(look(1_600, withNeighbour(0))).toBe('ask')
    expect(look(1_650, withNeighbour(0))).toBe('wait 4600')
    // Its answer came: now its own next hello is needed.
    expect(look(2_500, withNeighbour(0x8000))).toBe('wait 25100')
    expect(look(9_000, withNeighbour(0xc000, 96))).toBe('wait 15612.5')
    expect(look(15_613, withNeighbour(0xc000, 96))).toBe('settle')
  })

  it('asks again while nothing is heard', () => {
    const look = greeting()
    look(0, ALONE)
    expect(look(3_000, ALONE)).toBe('ask')
    expect(look(5_999, ALONE)).toBe('wait 6000')
    expect(look(6_000, ALONE)).toBe('ask')
  })

  it('asks anew when babeld forgot the neighbour, and what it answered was lost', () => {
    const look = greeting()
    look(0, withNeighbour(0))
    expect(look(1_500, withNeighbour(0))).toBe('ask')
    look(1_600, ALONE)
    expect(look(2_000, withNeighbour(0, 65535, 'n2'))).toBe('wait 3500')
    expect(look(3_500, withNeighbour(0, 65535, 'n2'))).toBe('ask')
  })

  it('does not ask while routes are known that cannot be used: it would forget them', () => {
    const look = greeting()
    expect(look(0, { ...withNeighbour(0x8000), routes: true })).toBe('wait 25000')
    expect(look(5_000, { ...withNeighbour(0x8000), routes: true })).toBe('wait 25000')
  })

  it('takes the step of asking also when the neighbour is usable without', () => {
    const look = greeting()
    const usable = { ...withNeighbour(0xc000, 96), routes: true }
    // Not before the peer has heard our routes, too: they would be said again only much later.
    expect(look(1_000, usable)).toBe('wait 2500')
    expect(look(2_500, usable)).toBe('ask')
    expect(look(2_600, usable)).toBe('wait 16512.5')
    expect(look(16_513, usable)).toBe('settle')
  })

  it('does not settle on a neighbour that was usable for a moment only', () => {
    const look = greeting()
    look(0, withNeighbour(0xc000, 96))
    expect(look(1_500, withNeighbour(0xc000, 96))).toBe('ask')
    expect(look(2_500, withNeighbour(0x3000, 65535))).toBe('wait 25000')
    expect(look(6_500, withNeighbour(0xc000, 96))).toBe('wait 15512.5')
  })

  it('settles on a neighbour that does not become usable', () => {
    const look = greeting()
    look(0, withNeighbour(0))
    expect(look(25_000, withNeighbour(0))).toBe('settle')
  })
})

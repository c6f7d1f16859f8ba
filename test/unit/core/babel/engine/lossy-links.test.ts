import { describe, expect, it } from 'vitest'
import type { Random } from '../../../../../src/core/random.ts'
import { EngineNetwork, type TestNode } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

/**
 * A link in use that loses 5 % of its packets in each direction. The kernel asks some eight times a second whether the other
 * end is there, and tells the engine when there was no answer for a moment.
 */
const LOSS = 0.05
const ASKED_EACH_MS = 120
/** As KernelLiveness waits for it. */
const unansweredMs = (rttMs: number) => Math.max(40, Math.min(300, 1.5 * rttMs))

const deaths = (node: TestNode) => node.neighbourEvents.filter(({ change }) => change === 'flushed')
const doubtsOf = (node: TestNode) =>
  node.neighbourEvents.filter(({ change, cause }) => change === 'changed' && cause === 'no answer')

/** Two nodes with a link between them, and another way over a third. */
function triangle(rttMs: number, seed = 5) {
  const network = new EngineNetwork(seededRandom(seed))
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  const ab = network.link(a, b, rttMs / 2)
  network.link(a, c, rttMs / 2)
  network.link(b, c, rttMs / 2)
  network.run(60_000)
  for (const node of network.nodes) node.neighbourEvents.length = 0
  return { network, a, b, ab }
}

/** Forgets what tests do not look at: hours are long. */
function tidy({ nodes }: EngineNetwork) {
  for (const node of nodes) {
    node.sent.length = 0
    node.routeEvents.length = 0
  }
}

/**
 * When TCP delivers what is sent over a link with a packet each 10 ms that loses 5 % of them: nearly all that are lost are
 * sent again at once; the others after 200 ms, and if that is lost, too, after twice as long (RFC 6298, 5.5). So that it
 * stands still as often as was measured: for more than 400 ms, once a minute on one of three links.
 */
class Standstills {
  readonly #random: Random
  readonly ends: { readonly fromMs: number; readonly untilMs: number }[] = []

  constructor(seed: number, fromMs: number, untilMs: number) {
    this.#random = seededRandom(seed)
    const meanMs = 10 / (LOSS * 0.01)
    for (let atMs = fromMs; atMs < untilMs; ) {
      atMs -= meanMs * Math.log(1 - this.#random.next())
      let lastsMs = 200
      for (let againMs = 400; this.#random.next() < LOSS; againMs *= 2) lastsMs += againMs
      this.ends.push({ fromMs: atMs, untilMs: atMs + lastsMs })
      atMs += lastsMs
    }
  }

  /** When a packet arrives that would arrive then. */
  arrivesAt(atMs: number): number {
    return this.ends.find(({ fromMs, untilMs }) => atMs >= fromMs && atMs < untilMs)?.untilMs ?? atMs
  }
}

describe('a link that loses 5 % of its packets', () => {
  it.each([1, 30, 300])(
    'over UDP, with round trips of %d ms, is not taken for dead in twenty minutes',
    (rttMs) => {
      const { network, a, b } = triangle(rttMs)
      network.loss = LOSS
      const random = seededRandom(rttMs)
      a.usualAnswers.set('b', rttMs)
      b.usualAnswers.set('a', rttMs)
      // Of the kernel's questions, so many have no answer.
      const isLost = () => random.next() < 1 - (1 - LOSS) ** 2
      for (let passedMs = 0; passedMs < 1_200_000; passedMs += ASKED_EACH_MS) {
        if (isLost()) a.engine.suspect(network.nowMs, 'b', 'fe80::b', network.nowMs - unansweredMs(rttMs))
        if (isLost()) b.engine.suspect(network.nowMs, 'a', 'fe80::a', network.nowMs - unansweredMs(rttMs))
        network.run(ASKED_EACH_MS)
        tidy(network)
      }
      expect([...deaths(a), ...deaths(b)]).toEqual([])
      expect(doubtsOf(a).length + doubtsOf(b).length).toBeLessThan(7)
    },
  )

  it('over TCP, which stands still again and again, is taken for dead less than once in three hours', () => {
    let died = 0
    let doubted = 0
    const hours = 10
    for (const seed of [1, 2, 3]) {
      const { network, a, b } = triangle(1)
      const fromMs = network.nowMs
      const untilMs = fromMs + (hours / 3) * 3_600_000
      const there = new Standstills(seed, fromMs, untilMs)
      const back = new Standstills(seed + 100, fromMs, untilMs)
      const all = [...there.ends, ...back.ends].sort((one, other) => one.fromMs - other.fromMs)
      for (const { fromMs: atMs, untilMs: overMs } of all) {
        network.arrivesAt = (from, iface, arrivalMs) => {
          if (from === a && iface === 'b') return there.arrivesAt(arrivalMs)
          return from === b && iface === 'a' ? back.arrivesAt(arrivalMs) : arrivalMs
        }
        // Neither end has an answer while one direction stands still.
        const askedMs = atMs + ASKED_EACH_MS / 2
        const suspectedMs = askedMs + unansweredMs(1)
        if (suspectedMs < network.nowMs) continue
        network.run(suspectedMs - network.nowMs)
        a.engine.suspect(network.nowMs, 'b', 'fe80::b', askedMs)
        b.engine.suspect(network.nowMs, 'a', 'fe80::a', askedMs)
        network.run(Math.max(0, overMs - network.nowMs) + 50)
        tidy(network)
      }
      died += deaths(a).length
      doubted += doubtsOf(a).length
    }
    expect(died).toBeLessThan(hours / 3)
    // It is expensive for a moment now and then: not at each standstill.
    expect(doubted).toBeLessThan(40 * hours)
  })

  it.each([1, 30, 300])('and is cut, with round trips of %d ms: packets take the other way soon', (rttMs) => {
    const times: number[] = []
    for (let seed = 1; seed <= 100; seed++) {
      const { network, a, b, ab } = triangle(rttMs, seed)
      network.loss = LOSS
      a.usualAnswers.set('b', rttMs)
      b.usualAnswers.set('a', rttMs)
      ab.open = [false, false]
      const cutMs = network.nowMs
      network.run(unansweredMs(rttMs))
      a.engine.suspect(network.nowMs, 'b', 'fe80::b', cutMs)
      b.engine.suspect(network.nowMs, 'a', 'fe80::a', cutMs)
      network.runUntil(() => a.wayTo(b) === 'c' && b.wayTo(a) === 'c', 10_000)
      times.push(network.nowMs - cutMs)
    }
    times.sort((one, other) => one - other)
    // Requests for another way are lost, too.
    expect(times[50]).toBeLessThan(200 + 5 * rttMs)
    expect(times[90]).toBeLessThan(1_200 + 5 * rttMs)
  })
})

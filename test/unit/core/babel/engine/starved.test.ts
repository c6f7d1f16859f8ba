import { describe, expect, it } from 'vitest'
import { EngineNetwork, type TestNode } from '../../../../support/engine-network.ts'

const deaths = (node: TestNode) => node.neighbourEvents.filter(({ change }) => change === 'flushed')

/** A node with two neighbours, which from now on runs so late each time; the one behind `ab` is gone. */
function starved() {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  const ab = network.link(a, b, 10)
  network.link(a, c, 10)
  network.link(b, c, 10)
  network.run(40_000)
  ab.open = [false, false]
  /** Runs, late each time, until that holds. @returns how long it took */
  const runLate = (lateMs: number, holds: () => boolean, limitMs: number, after = () => {}) => {
    const beganMs = network.nowMs
    while (!holds() && network.nowMs < beganMs + limitMs) {
      const dueMs = Math.min(a.engine.nextDeadlineMs, beganMs + limitMs)
      network.nowMs = Math.max(network.nowMs, dueMs) + lateMs
      a.engine.tick(network.nowMs)
      // The other one answers, so that it is not our own uplink.
      a.engine.alive(network.nowMs, 'c', 'fe80::c')
      after()
    }
    return network.nowMs - beganMs
  }
  return { network, a, runLate }
}

describe('on a machine so loaded that every run is late', () => {
  it.each([40, 60, 200, 1_000])('by %d ms, a neighbour that is gone is missed, only later', (lateMs) => {
    const { network, a, runLate } = starved()
    a.engine.suspect(network.nowMs, 'b', 'fe80::b')
    const tookMs = runLate(lateMs, () => deaths(a).length > 0, 120_000)
    expect(tookMs).toBeLessThan(2_000 + 30 * lateMs)
  })

  it('a neighbour of which nobody asks is missed by its hellos', () => {
    const { a, runLate } = starved()
    expect(runLate(200, () => deaths(a).length > 0, 600_000)).toBeLessThan(120_000)
  })

  it('a neighbour whose answers are read late as well stays', () => {
    const { network, a, runLate } = starved()
    let runs = 0
    for (let times = 0; times < 50; times++) {
      a.engine.suspect(network.nowMs, 'b', 'fe80::b')
      runLate(
        200,
        () => false,
        2_000,
        () => {
          if (++runs % 3 === 0) a.engine.alive(network.nowMs, 'b', 'fe80::b')
        },
      )
    }
    expect(deaths(a)).toEqual([])
  })

  it('a neighbour whose answers take as long as all that they wait for is not doubted, once it is known how late we run', () => {
    const { network, a, runLate } = starved()
    let doubted = 0
    for (let times = 0; times < 50; times++) {
      a.engine.suspect(network.nowMs, 'b', 'fe80::b')
      runLate(150, () => false, 700)
      a.engine.alive(network.nowMs, 'b', 'fe80::b')
      const [b] = a.engine.neighbours(network.nowMs, 'b')
      if (times >= 5 && (b?.cost ?? 0) >= 12_000) doubted++
    }
    expect(doubted).toBe(0)
  })
})

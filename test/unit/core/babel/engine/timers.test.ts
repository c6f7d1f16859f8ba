import { describe, expect, it } from 'vitest'
import { BabelEngine } from '../../../../../src/core/babel/engine/engine.ts'
import { Timer, TimerQueue } from '../../../../../src/core/babel/engine/timers.ts'
import { EngineNetwork, type NeighbourEvent } from '../../../../support/engine-network.ts'

/** Two timers that are due at the same moment; the first one does something with the other. */
function pair(action: (queue: TimerQueue, other: Timer) => void) {
  const queue = new TimerQueue()
  const done: string[] = []
  const other = new Timer((nowMs) => done.push(`other at ${nowMs}`))
  const first = new Timer((nowMs) => {
    done.push(`first at ${nowMs}`)
    action(queue, other)
  })
  queue.set(first, 9)
  queue.set(other, 10)
  queue.runDue(10)
  return { queue, done }
}

describe('of what is due at the same moment', () => {
  it('nothing is done that was called off meanwhile', () => {
    const { queue, done } = pair((timers, other) => timers.clear(other))
    queue.runDue(1_000)
    expect(done).toEqual(['first at 10'])
  })

  it('what was put off is done later, and once', () => {
    const { queue, done } = pair((timers, other) => timers.set(other, 20))
    expect(done).toEqual(['first at 10'])
    queue.runDue(20)
    queue.runDue(1_000)
    expect(done).toEqual(['first at 10', 'other at 20'])
  })

  it('what is wanted at some later time at the latest is done now, and once', () => {
    const { queue, done } = pair((timers, other) => timers.setBy(other, 20))
    queue.runDue(1_000)
    expect(done).toEqual(['first at 10', 'other at 10'])
  })

  it('what wants to be done at once again is done the next time', () => {
    const queue = new TimerQueue()
    let times = 0
    const timer: Timer = new Timer((nowMs) => {
      times++
      queue.set(timer, nowMs)
    })
    queue.set(timer, 10)
    queue.runDue(10)
    expect(times).toBe(1)
    queue.runDue(10)
    expect(times).toBe(2)
  })
})

const LATE_MS = 40

/** Whether nothing is said of a neighbour after it went, until it comes again. */
const areInOrder = (events: readonly NeighbourEvent[]): boolean =>
  events.every(
    ({ change }, at) => (change === 'added') === (at === 0 || events[at - 1]?.change === 'flushed'),
  )

it('who is taken for dead is gone, also where one of its hellos is missed at the same moment; who comes back stays', () => {
  for (let offsetMs = 800; offsetMs < 1_200; offsetMs += 10) {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    const link = network.link(a, b)
    network.link(a, c)
    network.link(b, c)
    // A process that is always a little late does in one go what was due in the last hundredths of a second.
    const dueMs = () => Number(Reflect.get(BabelEngine.prototype, 'nextDeadlineMs', a.engine))
    Object.defineProperty(a.engine, 'nextDeadlineMs', { get: () => Math.ceil(dueMs() / LATE_MS) * LATE_MS })
    network.run(20_000)
    const helloMs = b.sent.findLast(({ iface, tlv }) => iface === 'a' && tlv.kind === 'hello')?.atMs ?? 0
    network.run(helloMs + 1 - network.nowMs)
    link.open = [false, false]
    network.run(1.5 * 15_000 - offsetMs)
    a.engine.suspect(network.nowMs, 'b', 'fe80::b')
    network.run(2_200)
    link.open = [true, true]
    network.run(60_000)
    const events = a.neighbourEvents.filter(({ neighbour: { address } }) => address === 'fe80::b')
    expect([offsetMs, areInOrder(events), a.wayTo(b)]).toEqual([offsetMs, true, 'b'])
  }
})

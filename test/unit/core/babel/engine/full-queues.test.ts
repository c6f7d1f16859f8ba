import { expect, it } from 'vitest'
import { FullQueues } from '../../../../../src/core/babel/engine/full-queues.ts'

function rig() {
  const counters = { sent: 5_000, dropped: 100 }
  const queues = new FullQueues({ departures: (iface) => (iface === 'gone' ? undefined : { ...counters }) })
  return { counters, queues }
}

it('what was lost long ago says nothing of now', () => {
  const { queues, counters } = rig()
  expect(queues.shareSent(0, 'tap')).toBe(1)
  counters.dropped += 10_000
  expect(queues.copies(60_000, 'tap')).toBe(1)
})

it('of packets of which one in four gets out, four copies are sent, but not any number', () => {
  const { queues, counters } = rig()
  queues.shareSent(0, 'tap')
  counters.sent += 100
  counters.dropped += 300
  expect(queues.shareSent(50, 'tap')).toBe(0.25)
  expect(queues.copies(51, 'tap')).toBe(4)
  counters.sent += 10
  counters.dropped += 10_000
  expect(queues.copies(100, 'tap')).toBe(8)
  counters.sent += 100
  expect(queues.copies(150, 'tap')).toBe(1)
})

it('of a queue that is stuck nothing gets out: that is no reason to wait', () => {
  const { queues, counters } = rig()
  queues.shareSent(0, 'tap')
  counters.dropped += 10_000
  expect(queues.shareSent(50, 'tap')).toBe(1)
})

it('a few packets, an interface that is another one, and one that is gone say nothing', () => {
  const { queues, counters } = rig()
  queues.shareSent(0, 'tap')
  counters.dropped += 3
  expect(queues.shareSent(50, 'tap')).toBe(1)
  Object.assign(counters, { sent: 3, dropped: 5_000 })
  expect(queues.shareSent(100, 'tap')).toBe(1)
  expect(queues.copies(100, 'gone')).toBe(1)
})

import { expect, it } from 'vitest'
import { Route } from '../../../../../src/core/babel/engine/model.ts'
import { Sources, sourceOf } from '../../../../../src/core/babel/engine/sources.ts'
import { RouteTable } from '../../../../../src/core/babel/engine/table.ts'
import { TimerQueue } from '../../../../../src/core/babel/engine/timers.ts'
import { engineWorld, silentNeighbour } from '../../../../support/engine-world.ts'

const ROUTER = '02:00:00:00:00:00:00:01'

it('a router-id that is in use again and again is not pushed out by any number of others', () => {
  const table = new RouteTable()
  const sources = new Sources(table, new TimerQueue(), () => undefined)
  const entry = table.obtain({ prefix: '2001:db8::/48', from: '::/0' })
  sources.announcing(0, entry, ROUTER, 7, 96)
  for (let number = 0; number < 1_000; number++) {
    sources.announcing(2 * number, entry, `02:00:00:00:00:01:00:${number}`, 1, 96)
    sources.announcing(2 * number + 1, entry, ROUTER, 1, 96)
  }
  expect(sourceOf(entry, ROUTER)).toMatchObject({ seqno: 7, metric: 96 })
  expect(sources.size).toBe(64)
})

it.each([
  // RFC 8966, B
  { updateIntervalMs: 16_000, keptMs: 180_000 },
  // A neighbour that missed our retraction goes on for 3.5 intervals.
  { updateIntervalMs: 60_000, keptMs: 3.5 * 60_000 },
])(
  'what was told is remembered for as long as neighbours believe it ($updateIntervalMs ms)',
  ({ updateIntervalMs, keptMs }) => {
    const timers = new TimerQueue()
    const table = new RouteTable()
    const sources = new Sources(table, timers, () => undefined)
    sources.promising(updateIntervalMs)
    const entry = table.obtain({ prefix: '2001:db8::/48', from: '::/0' })
    sources.announcing(0, entry, ROUTER, 1, 96)
    timers.runDue(keptMs - 1)
    expect(sources.size).toBe(1)
    timers.runDue(keptMs + 60_000)
    expect(sources.size).toBe(0)
    expect(table.entries.size).toBe(0)
  },
)

it('what is told of more rarely than that is remembered as long as its way is in use', () => {
  const world = engineWorld()
  const sources = new Sources(world.table, world.timers, () => undefined)
  const entry = world.table.obtain({ prefix: '2001:db8::/48', from: '::/0' })
  const route = new Route({
    ...{ entry, neighbour: silentNeighbour(), routerId: ROUTER, nextHop: 'fe80::2' },
    ...{ seqno: 1, refmetric: 0, nowS: 0, holdS: 60 },
  })
  entry.selected = route
  sources.announcing(0, entry, ROUTER, 1, 96)
  for (let nowMs = 0; nowMs < 1_000_000; nowMs += 1_000) world.timers.runDue(nowMs)
  expect(sources.size).toBe(1)
  entry.selected = undefined
  for (let nowMs = 1_000_000; nowMs < 1_400_000; nowMs += 1_000) world.timers.runDue(nowMs)
  expect(sources.size).toBe(0)
})

import { expect, it, vi } from 'vitest'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { historyOf, Lookout, recordEvent } from '../../../../src/registry/api/history.ts'
import type { Store } from '../../../../src/registry/database/store.ts'
import { emptyStore } from '../../../support/databases.ts'
import { silentLog } from '../../../support/silent-log.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const START_MS = Date.parse('2027-01-15T00:00:00Z')
const OWN = prefixOfBits('0000000000000000')
const NODE = prefixOfBits('0000000000000001')
const OTHER = prefixOfBits('0000000000000010')

/** A lookout that looks when it is told to, at a held time, and who is there as far as routes say. */
async function heldLookout(shared?: Store) {
  const store = shared ?? (await emptyStore())
  const state = {
    nowMs: START_MS,
    routed: [NODE, OTHER] as Prefix[],
    members: new Set<string>([OWN, NODE, OTHER]),
    own: OWN as Prefix | undefined,
  }
  const lookout = new Lookout({
    store,
    reachable: { list: async () => state.routed },
    registryPrefix: () => state.own,
    isMember: async (prefix) => state.members.has(prefix),
    clock: { now: () => state.nowMs, every: () => ({ [Symbol.dispose]() {} }) },
    log: silentLog,
  })
  return {
    state,
    store,
    lookout,
    /** So many looks, a minute apart. */
    async look(times: number) {
      for (let time = 0; time < times; time += 1) {
        await lookout.look()
        state.nowMs += MINUTE_MS
      }
    },
    /** Share of each day that is known of, by day. */
    async shares(prefix: string) {
      const { availability } = await historyOf(store, prefix, state.nowMs)
      return new Map(
        availability.flatMap(({ day, share }) => (share === undefined ? [] : [[day, share] as const])),
      )
    },
    async [Symbol.asyncDispose]() {
      lookout[Symbol.dispose]()
      if (!shared) await store[Symbol.asyncDispose]()
    },
  }
}

it('availability of a day is the share of looks at which the machine was there', async () => {
  await using held = await heldLookout()
  await held.look(30)
  held.state.routed = [OTHER]
  await held.look(10)
  await held.lookout.save()
  expect(await held.shares(NODE)).toEqual(new Map([['2027-01-15', 30 / 40]]))
  expect(await held.shares(OTHER)).toEqual(new Map([['2027-01-15', 1]]))
  // The registry's own node has no route to itself.
  expect(await held.shares(OWN)).toEqual(new Map([['2027-01-15', 1]]))
})

it('looks count for the day at which they were made', async () => {
  await using held = await heldLookout()
  held.state.nowMs = START_MS + DAY_MS - 10 * MINUTE_MS
  await held.look(10)
  held.state.routed = [OTHER]
  await held.look(5)
  await held.lookout.save()
  expect(await held.shares(NODE)).toEqual(
    new Map([
      ['2027-01-15', 1],
      ['2027-01-16', 0],
    ]),
  )
})

it('what was counted is written by itself before long, and added to what was written before', async () => {
  await using held = await heldLookout()
  await held.look(16)
  expect(await held.shares(NODE)).toEqual(new Map([['2027-01-15', 1]]))
  held.state.routed = [OTHER]
  await held.look(16)
  await held.lookout.save()
  expect((await held.shares(NODE)).get('2027-01-15')).toBe(0.5)
})

it('a time at which nobody could look is no absence', async () => {
  await using held = await heldLookout()
  await held.look(10)
  held.state.routed = []
  await held.look(10)
  held.state.routed = [NODE]
  held.state.own = undefined
  await held.look(10)
  held.state.nowMs += DAY_MS
  await held.lookout.save()
  expect(await held.shares(NODE)).toEqual(new Map([['2027-01-15', 1]]))
  expect((await historyOf(held.store, NODE, held.state.nowMs)).events).toEqual([])
})

it('a machine is not missed before it has joined, nor at the time of the day before it did', async () => {
  await using held = await heldLookout()
  held.state.routed = [OTHER]
  await held.look(12 * 60)
  await held.lookout.save()
  held.state.nowMs = START_MS + DAY_MS
  await held.look(12 * 60)
  await held.store.write((writable) =>
    recordEvent(writable, NODE, { kind: 'enrolled', detail: '7' }, held.state.nowMs),
  )
  held.state.routed = [OTHER, NODE]
  await held.look(6 * 60)
  held.state.routed = [OTHER]
  await held.look(6 * 60)
  await held.lookout.save()
  expect(await held.shares(NODE)).toEqual(new Map([['2027-01-16', 0.5]]))
  expect((await held.shares(OTHER)).size).toBe(2)
})

it('90 days are told of, the last is today, and what is older is not kept', async () => {
  await using held = await heldLookout()
  for (let day = 0; day < 100; day += 1) {
    held.state.nowMs = START_MS + day * DAY_MS
    held.state.routed = day % 2 === 0 ? [NODE, OTHER] : [OTHER]
    await held.look(2)
  }
  await held.lookout.save()
  const { availability } = await historyOf(held.store, NODE, held.state.nowMs)
  expect(availability).toHaveLength(90)
  expect(availability[0]).toEqual({ day: '2027-01-25', share: 1 })
  expect(availability.at(-1)).toEqual({ day: '2027-04-24', share: 0 })
  expect(availability.filter(({ share }) => share === 1)).toHaveLength(45)
  for (const table of ['look_day', 'machine_day']) {
    const [row] = await held.store.all<{ days: number }>(`SELECT COUNT(DISTINCT day) AS days FROM ${table}`)
    expect(row).toEqual({ days: 90 })
  }
})

it('a machine is lost after three looks, is seen again, and is not heard of when it is a member no more', async () => {
  await using held = await heldLookout()
  const kinds = async () =>
    (await historyOf(held.store, NODE, held.state.nowMs)).events.map(({ kind }) => kind)
  await held.look(1)
  held.state.routed = [OTHER]
  await held.look(2)
  held.state.routed = [NODE, OTHER]
  await held.look(1)
  expect(await kinds()).toEqual([])
  held.state.routed = [OTHER]
  await held.look(5)
  expect(await kinds()).toEqual(['lost'])
  held.state.routed = [NODE, OTHER]
  await held.look(1)
  expect(await kinds()).toEqual(['seen', 'lost'])
  held.state.members.delete(NODE)
  await held.look(5)
  expect(await kinds()).toEqual(['seen', 'lost'])
  await held.lookout.save()
  // At the looks after it left, it was there for nobody.
  expect((await held.shares(NODE)).get('2027-01-15')).toBeCloseTo(3 / 15)
})

it('what several processes see at nearly the same time is one event', async () => {
  await using held = await heldLookout()
  await using other = await heldLookout(held.store)
  const look = async (routed: readonly Prefix[], times: number) => {
    for (let time = 0; time < times; time += 1)
      for (const { state, lookout } of [held, other]) {
        state.routed = [...routed]
        await lookout.look()
        state.nowMs += MINUTE_MS
      }
  }
  await look([NODE, OTHER], 1)
  await look([OTHER], 5)
  await look([NODE, OTHER], 2)
  // A while later, it is another event, also where nobody saw it come back.
  for (const { state } of [held, other]) state.nowMs += HOUR_MS
  await look([OTHER], 5)
  const { events } = await historyOf(held.store, NODE, held.state.nowMs)
  expect(events.map(({ kind }) => kind)).toEqual(['lost', 'seen', 'lost'])
})

it('what was counted and could not be written is written with the next', async () => {
  await using held = await heldLookout()
  await held.look(15)
  const write = vi.spyOn(held.store, 'write').mockRejectedValueOnce(new Error('no server takes changes'))
  held.state.routed = [OTHER]
  // The first of them would have it written.
  await held.look(15)
  expect(write).toHaveBeenCalled()
  await held.lookout.save()
  expect((await held.shares(NODE)).get('2027-01-15')).toBe(0.5)
})

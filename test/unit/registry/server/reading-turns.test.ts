import { describe, expect, it } from 'vitest'
import { type Reader, ReadingTurns } from '../../../../src/registry/server/reading-turns.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const LIMITS = { readAtOnce: 2, turnMs: 10, longestWaitMs: 100, restMs: 50 }

/** Turns on a held clock, and connections that note what they are told. */
function heldTurns(limits = LIMITS) {
  const clock = steppedClock()
  const turns = new ReadingTurns({ clock, isStranger: (source) => source !== 'known' }, limits)
  /** Those that are read. */
  const read = new Set<string>()
  const turnedAway: string[] = []
  const connect = (name: string, source: string | undefined = name): Reader => ({
    source,
    read: () => void read.add(name),
    pause: () => void read.delete(name),
    turnAway: () => void turnedAway.push(name),
  })
  /** New connections, which want to be read. */
  const connected = (...names: string[]): Reader[] =>
    names.map((name) => {
      const reader = connect(name, name.split(' ')[0])
      turns.await(reader)
      return reader
    })
  /** A call has come on it; its connection is read on, and so is what it sends, until it is paused. */
  const call = (reader: Reader | undefined) => reader && turns.leave(reader)
  return { clock, turns, connect, connected, call, read: () => [...read], turnedAway }
}

describe('strangers', () => {
  it('are all read while they are few, and without a timer', () => {
    const { connected, read } = heldTurns()
    connected('a', 'b')
    expect(read()).toEqual(['a', 'b'])
  })

  it('beyond that are not read until it is their turn, a few at a time', async () => {
    const { clock, connected, call, read } = heldTurns()
    const [a, b] = connected('a', 'b', 'c', 'd', 'e')
    expect(read()).toEqual(['a', 'b'])
    call(a)
    call(b)
    // Not in this turn of the event loop: a call must not lead to the next one.
    expect(read()).toEqual(['a', 'b'])
    await clock.pass(10)
    expect(read()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('that were answered are read again after those that wait', async () => {
    const { clock, turns, connected, call, read } = heldTurns({ ...LIMITS, readAtOnce: 1 })
    const [a] = connected('a', 'b', 'c')
    call(a)
    if (a) turns.await(a)
    expect(read()).toEqual([])
    await clock.pass(10)
    expect(read()).toEqual(['b'])
    await clock.pass(10)
    expect(read()).toContain('c')
    expect(read()).not.toContain('a')
    await clock.pass(10)
    expect(read()).toContain('a')
  })

  it('with many connections wait for themselves: each source has its turn', async () => {
    const { clock, connected, call, read } = heldTurns()
    const first = connected('a', 'b', 'loud 1', 'loud 2', 'loud 3', 'quiet')
    for (const reader of first.slice(0, 2)) call(reader)
    await clock.pass(10)
    expect(read()).toEqual(['a', 'b', 'loud 1', 'quiet'])
  })

  it('that say nothing give way, and have another turn', async () => {
    const { clock, connected, read, turnedAway } = heldTurns()
    connected('a', 'b', 'c', 'd')
    await clock.pass(10)
    expect(read()).toEqual(['c', 'd'])
    await clock.pass(10)
    expect(read()).toEqual(['a', 'b'])
    await clock.pass(1_000)
    expect(turnedAway).toEqual([])
  })

  it('that are gone take no turn', async () => {
    const { clock, turns, connected, call, read } = heldTurns()
    const [a, b, c] = connected('a', 'b', 'c', 'd')
    call(a)
    call(b)
    if (c) turns.leave(c)
    await clock.pass(10)
    expect(read()).toEqual(['a', 'b', 'd'])
  })

  it('that wait for too long are told to come back', async () => {
    const { clock, connected, read, turnedAway } = heldTurns({ ...LIMITS, readAtOnce: 0 })
    connected('a')
    await clock.pass(90)
    connected('b')
    await clock.pass(20)
    expect(turnedAway).toEqual(['a'])
    expect(read()).toEqual([])
  })
})

describe('whoever was told to come back later', () => {
  it('is not read before, known or not; then each in its turn', async () => {
    const { clock, turns, connect, read } = heldTurns({ ...LIMITS, readAtOnce: 1 })
    for (const name of ['known', 'stranger']) {
      const reader = connect(name)
      turns.await(reader)
      turns.leave(reader)
      turns.awaitAfterRest(reader)
    }
    expect(read()).toEqual([])
    await clock.pass(40)
    expect(read()).toEqual([])
    await clock.pass(10)
    expect(read()).toEqual(['known'])
  })

  it('is read on if it is of this machine: that has no limit', () => {
    const { turns, connect, read } = heldTurns()
    turns.awaitAfterRest({ ...connect('own'), source: undefined })
    expect(read()).toEqual(['own'])
  })
})

describe('those that the registry knows, and this machine', () => {
  it('are read at any time', () => {
    const { turns, connect, connected, read } = heldTurns({ ...LIMITS, readAtOnce: 0 })
    connected('a', 'known')
    turns.await({ ...connect('own'), source: undefined })
    expect(read()).toEqual(['known', 'own'])
  })
})
